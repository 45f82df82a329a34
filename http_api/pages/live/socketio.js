// A Socket.IO connection over one WebSocket (Engine.IO 4, Socket.IO 5), small enough to read: this page works on a machine
// that has nothing but the server. Your own client should use the official library, as the copied snippets do.

const NAMESPACE = "/chat";

export class Connection {
  /**
   * @param {string} token access token
   * @param {{ready: () => void, refused: (error: object) => void, event: (name: string, payload: object) => void,
   *          closed: (reason: string) => void}} listener
   */
  constructor(token, listener) {
    this.listener = listener;
    this.acks = new Map();
    this.lastAckId = 0;
    const url = new URL("/socket.io/?EIO=4&transport=websocket", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }) => this.receive(data, token);
    this.socket.onclose = () => listener.closed("the connection is closed");
  }

  receive(packet, token) {
    switch (packet[0]) {
      case "0": // Engine.IO open
        this.socket.send(`40${NAMESPACE},${JSON.stringify({ token })}`);
        break;
      case "2": // Engine.IO ping
        this.socket.send("3");
        break;
      case "4":
        this.receiveMessage(packet);
        break;
    }
  }

  receiveMessage(packet) {
    const [, type, ackId, json] = /^4(\d)\/chat,(\d*)(.*)$/s.exec(packet) ?? [];
    const data = json ? JSON.parse(json) : undefined;
    switch (type) {
      case "0":
        this.listener.ready();
        break;
      case "1":
        this.listener.closed("the server closed the connection");
        this.socket.close();
        break;
      case "2":
        this.listener.event(data[0], data[1]);
        break;
      case "3":
        this.acks.get(Number(ackId))?.(data[0]);
        this.acks.delete(Number(ackId));
        break;
      case "4":
        this.listener.refused(data);
        this.socket.close();
        break;
    }
  }

  /** Emits an action; resolves with its ack. */
  emit(action, payload) {
    const ackId = ++this.lastAckId;
    this.socket.send(`42${NAMESPACE},${ackId}${JSON.stringify([action, payload])}`);
    return new Promise((resolve) => this.acks.set(ackId, resolve));
  }

  close() {
    this.socket.close();
  }
}
