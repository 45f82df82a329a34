// The peer: Socket.IO on Node.js with PostgreSQL, doing what Molva does with a send, as a careful author would write it.
//
// The token is verified at connect; a send is one prepared statement (membership, seq under the chat's row lock, message,
// version, read mark), committed with synchronous_commit=on before the ack; a chat's sends are taken one by one, so that
// everybody gets them by seq; each event is encoded once by Socket.IO's adapter. It works on Molva's tables, and leaves out
// blocks, replies, mentions, attachments, logs, metrics and limits.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import { Server } from 'socket.io'

const key = Buffer.from(process.env.ACCESS_KEY, 'hex')
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10, options: '-c synchronous_commit=on' })
const http = createServer()
const chats = new Server(http, { serveClient: false }).of('/chat')

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const UNIQUE_VIOLATION = '23505'

const statements = {
  session: `
    SELECT u.id, u.display_name, u.username, u.about, u.avatar_id, s.active_chat_id
      FROM login_sessions s JOIN users u ON u.id = s.user_id
     WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND u.deleted_at IS NULL`,
  memberships: 'SELECT chat_id FROM members WHERE user_id = $1 AND left_at IS NULL',
  activate: `
    UPDATE login_sessions SET active_chat_id = $2
     WHERE id = $1 AND EXISTS (SELECT FROM members WHERE chat_id = $2 AND user_id = $3 AND left_at IS NULL)`,
  seen: 'UPDATE login_sessions SET last_seen_at = wire_now() WHERE id = $1',
  find: 'SELECT chat_id, seq, body_hash FROM messages WHERE sender_id = $1 AND client_id = $2 AND chat_id = $3',
  send: `
    WITH chat AS (
        UPDATE chats
           SET message_count = message_count + 1, version = version + 1, updated_at = greatest(wire_now(), updated_at),
               changed_xid = change_xid()
         WHERE id = $1 AND deleted_at IS NULL
           AND EXISTS (SELECT FROM members WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL)
        RETURNING *
    ), message AS (
        INSERT INTO messages (chat_id, seq, sender_id, client_id, body_hash, type, content, version, created_at)
        SELECT id, message_count, $2, $3, $4, $5, $6, version, updated_at FROM chat
    ), mark AS (
        UPDATE members SET read_seq = chat.message_count, changed_xid = change_xid()
          FROM chat WHERE members.chat_id = $1 AND members.user_id = $2
    )
    SELECT type, title, creator_id, member_count, message_count, version, created_at, updated_at FROM chat`,
}

const query = (name, values) => pool.query({ name, text: statements[name], values })

class Refusal extends Error {
  constructor(code) {
    super(code)
    this.code = code
  }
}

chats.use(async (socket, next) => {
  try {
    const claims = jwt.verify(socket.handshake.auth.token, key, { algorithms: ['HS256'], issuer: 'molva', audience: 'molva' })
    const [sessions, memberships] = await Promise.all([
      query('session', [claims.sid, claims.sub]),
      query('memberships', [claims.sub]),
    ])
    if (!sessions.rows.length) throw new Refusal('unauthorized')
    const { active_chat_id, ...user } = sessions.rows[0]
    socket.data = { user, sessionId: claims.sid, active: active_chat_id }
    socket.join(memberships.rows.map((row) => row.chat_id))
    if (active_chat_id) socket.join(viewersOf(active_chat_id))
    next()
  } catch (error) {
    const refused = new Error('The access token is not valid.')
    refused.data = { code: error.code ?? 'unauthorized' }
    next(refused)
  }
})

chats.on('connection', (socket) => {
  const { user, sessionId, active } = socket.data
  socket.emit('session:ready', { user, session_id: sessionId, active_chat_id: active, server_time: new Date().toISOString() })
  answer(socket, 'chat:activate', activate)
  answer(socket, 'message:send', send)
  socket.on('disconnect', () => query('seen', [sessionId]).catch(console.error))
})

const viewersOf = (chatId) => `viewers of ${chatId}`

function answer(socket, name, handle) {
  socket.on(name, async (payload, ack) => {
    try {
      const data = await handle(socket, payload)
      ack?.({ data })
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      ack?.({ error: { code: error instanceof Refusal ? error.code : 'internal' } })
    }
  })
}

async function activate(socket, { chat_id }) {
  if (!ID.test(chat_id)) throw new Refusal('validation_failed')
  const { user, sessionId, active } = socket.data
  const { rowCount } = await query('activate', [sessionId, chat_id, user.id])
  if (!rowCount) throw new Refusal('not_found')
  if (active) socket.leave(viewersOf(active))
  socket.data.active = chat_id
  socket.join(viewersOf(chat_id))
  return { chat_id }
}

const lines = new Map() // the last send of each chat that has one under way

function inOrder(chatId, work) {
  const mine = (lines.get(chatId) ?? Promise.resolve()).then(work)
  const settled = mine.catch(() => {}).then(() => lines.get(chatId) === settled && lines.delete(chatId))
  lines.set(chatId, settled)
  return mine
}

function send(socket, { chat_id, client_id, type, content }) {
  const text = content?.text
  const isText = type === 'text' && typeof text === 'string' && text.length <= 4096 && text.trim()
  if (!isText || !ID.test(chat_id) || !ID.test(client_id)) throw new Refusal('validation_failed')
  const body = JSON.stringify({ type, content: { text } })
  const hash = createHash('sha256').update(body).digest()
  return inOrder(chat_id, () => store(socket.data.user.id, chat_id, client_id, hash, type, { text }))
}

async function store(userId, chatId, clientId, hash, type, content) {
  let rows
  try {
    ;({ rows } = await query('send', [chatId, userId, clientId, hash, type, content]))
  } catch (error) {
    if (error.code !== UNIQUE_VIOLATION) throw error
    return repeated(userId, chatId, clientId, hash)
  }
  if (!rows.length) throw new Refusal('not_found')
  const chat = rows[0]
  const seq = Number(chat.message_count)
  const message = {
    chat_id: chatId, seq, sender_id: userId, type, content, reply_to: null, mentions: [], client_id: clientId,
    created_at: chat.updated_at, edited_at: null, deleted_at: null, like_count: 0, version: Number(chat.version),
  }
  const state = { id: chatId, ...chat, message_count: seq, version: Number(chat.version), last_message: message }
  chats.to(chatId).emit('chat:updated', { chat: state, reason: 'message' })
  chats.to(viewersOf(chatId)).emit('message:created', { message, message_count: seq })
  return { message: { ...message, liked_by_me: false }, duplicate: false }
}

async function repeated(userId, chatId, clientId, hash) {
  const { rows } = await query('find', [userId, clientId, chatId])
  if (!rows[0]?.body_hash.equals(hash)) throw new Refusal('conflict')
  return { message: { chat_id: chatId, seq: Number(rows[0].seq) }, duplicate: true }
}

http.listen(Number(process.env.PORT), '127.0.0.1', 4096)
process.on('SIGTERM', () => process.exit(0))
