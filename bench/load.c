/* Load for a server that speaks Molva's wire (namespace /chat): one thread, epoll, WebSocket alone, nothing allocated per message.
 *
 * Opens a connection per token, room after room; each may put its room's chat on the screen (chat:activate). Then the first
 * members of each room send messages (message:send), and everything that comes back is counted: acks, and deliveries, which are
 * message:created events. A message's text holds when it was due, who sent it and its number, so a delivery tells its own delay.
 *
 * What must stay true: it costs less per delivery than any server it is to measure, and frames are masked with keys that are
 * not zero, so that the server has to unmask them. A further measure is a field of `counts` or a histogram, and a line in report().
 *
 * Prints one JSON object. Exit status: 0, 1 when anything was refused, cut or left unanswered, 2 for wrong arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "message.h"

enum {
    READ_BYTES = 1 << 20,      /* of one connection at a time */
    FRAME_BYTES_MAX = 16384,   /* of what is sent; a token is the longest part */
    EVENTS_MAX = 512,          /* of one look at epoll */
    READS_PER_TURN = 4,        /* of one connection before the others */
    COMPLAINTS_MAX = 5,        /* shown; all are counted */
};

static const char DELIVERY[] = "42/chat,[\"message:created\"";
static const char ACK[] = "43/chat,";

/* ---- settings */

static struct {
    int port, room_size, senders, in_flight, window, server_pid, database_pid;
    double rate, warm_up_s, seconds, hold_s, patience_s;
    bool activates;
} set = {.room_size = 2, .senders = 1, .in_flight = 1, .window = 64, .seconds = 5, .patience_s = 60};

static char **tokens, **chats;
static int token_count, chat_count;

/* ---- what is measured */

static struct histogram connect_ns, ack_ns, delivery_ns;
static struct {
    uint64_t sent, acks, deliveries, frames, bytes, late;
} counts; /* while measuring */
static uint64_t faults, sent_ever, acked_ever, due_deliveries, delivered_ever;
static bool is_measuring, is_sending, is_over;

/* ---- small things */

static void die(const char *format, ...) {
    va_list words;
    va_start(words, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, words);
    fputc('\n', stderr);
    exit(2);
}

static void complain(const char *what, const char *said, size_t length) {
    if (faults++ < COMPLAINTS_MAX) fprintf(stderr, "load: %s: %.*s\n", what, (int)(length > 300 ? 300 : length), said);
}

static void *room_for(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (!memory) die("out of memory");
    return memory;
}

static char **lines_of(const char *path, int *count) {
    FILE *file = fopen(path, "r");
    if (!file) die("%s cannot be read", path);
    char **lines = NULL, *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0; line = NULL, capacity = 0) {
        line[strcspn(line, "\n")] = 0;
        lines = room_for(lines, sizeof *lines * (size_t)(*count + 1));
        lines[(*count)++] = line;
    }
    fclose(file);
    return lines;
}

/* ---- connections */

enum state { DIALLING, UPGRADING, OPENING, ENTERING, ACTIVATING, READY, GONE };

struct slot { /* a message under way */
    uint64_t due;
    uint32_t number, missing; /* deliveries that are still to come */
    bool is_busy, is_acked;
};

struct connection {
    int fd, index;
    enum state state;
    uint32_t sent, mask;
    uint64_t began;
    struct slot *slots;
    char *kept, *unsent; /* the beginning of a frame whose rest is to come; what the kernel did not take */
    size_t kept_length, kept_size, unsent_length, unsent_done;
};

static struct connection *connections;
static int poller, dialled, ready, gone;

static int room_of(const struct connection *c) { return c->index / set.room_size; }

static uint32_t room_members(int room) {
    int rest = token_count - room * set.room_size;
    return (uint32_t)(rest < set.room_size ? rest : set.room_size);
}

static void hang_up(struct connection *c, const char *why) {
    if (c->state == GONE) return;
    if (!is_over) complain("connection lost", why, strlen(why));
    if (c->state == READY) ready--;
    gone++;
    c->state = GONE;
    close(c->fd);
}

static void watch(struct connection *c, int operation, uint32_t events) {
    struct epoll_event wanted = {.events = events, .data.ptr = c};
    epoll_ctl(poller, operation, c->fd, &wanted);
}

static void transmit(struct connection *c, const char *data, size_t length) {
    ssize_t taken = 0;
    if (!c->unsent_length) {
        taken = send(c->fd, data, length, MSG_NOSIGNAL);
        if (taken == (ssize_t)length) return;
        if (taken < 0 && errno != EAGAIN) {
            hang_up(c, strerror(errno));
            return;
        }
        if (taken < 0) taken = 0;
        watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    size_t rest = length - (size_t)taken;
    c->unsent = room_for(c->unsent, c->unsent_length + rest);
    memcpy(c->unsent + c->unsent_length, data + taken, rest);
    c->unsent_length += rest;
}

static void send_text(struct connection *c, const char *text, size_t length) { /* one masked frame */
    static char frame[FRAME_BYTES_MAX + 8];
    size_t head = 2;
    frame[0] = (char)0x81;
    if (length < 126) {
        frame[1] = (char)(0x80 | length);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        head = 4;
    }
    memcpy(frame + head, &c->mask, 4);
    const char *mask = frame + head;
    char *to = frame + head + 4;
    for (size_t i = 0; i < length; i++) to[i] = text[i] ^ mask[i & 3];
    transmit(c, frame, head + 4 + length);
}

static void send_format(struct connection *c, const char *format, ...) {
    static char text[FRAME_BYTES_MAX];
    va_list words;
    va_start(words, format);
    int length = vsnprintf(text, sizeof text, format, words);
    va_end(words);
    if (length >= (int)sizeof text) die("a token that is too long");
    send_text(c, text, (size_t)length);
}

/* ---- messages */

static bool send_message(struct connection *c, uint64_t due) {
    struct slot *slot = &c->slots[c->sent % (uint32_t)set.in_flight];
    if (c->state != READY || slot->is_busy) return false;
    *slot = (struct slot){.due = due, .number = c->sent++, .missing = room_members(room_of(c)), .is_busy = true};
    fill_in(chats[room_of(c)], ACK_ID_FIRST + slot->number, due, (uint64_t)c->index, slot->number);
    send_text(c, message.text, message.length);
    sent_ever++;
    due_deliveries += slot->missing;
    counts.sent += is_measuring;
    return true;
}

static void free_slot_if_done(struct connection *c, struct slot *slot) {
    if (!slot->is_acked || slot->missing) return;
    slot->is_busy = false;
    if (is_sending && !set.rate) send_message(c, now());
}

static void take_delivery(const char *text, size_t length, uint64_t at) {
    static size_t place; /* where the mark was last time: events of one server are alike */
    if (place + MARK_BYTES > length || text[place] != '@') {
        const char *found = memchr(text, '@', length);
        if (!found || (size_t)(text + length - found) < MARK_BYTES) return; /* somebody else's message */
        place = (size_t)(found - text);
    }
    const char *mark = text + place;
    uint64_t due = get_hex(mark + 1, 16), index = get_hex(mark + 17, 8);
    if (index >= (uint64_t)token_count || !connections[index].slots) return;
    struct connection *sender = &connections[index];
    uint32_t number = (uint32_t)get_hex(mark + 25, 8);
    struct slot *slot = &sender->slots[number % (uint32_t)set.in_flight];
    if (!slot->is_busy || slot->number != number || !slot->missing) {
        complain("a delivery too many", text, length);
        return;
    }
    delivered_ever++;
    if (is_measuring) {
        counts.deliveries++;
        note(&delivery_ns, at - due);
    }
    slot->missing--;
    free_slot_if_done(sender, slot);
}

static void get_ready(struct connection *c) {
    c->state = READY;
    ready++;
    note(&connect_ns, now() - c->began);
}

static void take_ack(struct connection *c, const char *text, size_t length, uint64_t at) {
    char *rest;
    unsigned long id = strtoul(text, &rest, 10);
    bool is_good = length > 8 && !strncmp(rest, "[{\"data\"", 8);
    if (!is_good) complain("refused", text, length);
    if (c->state == ACTIVATING) {
        get_ready(c);
        return;
    }
    uint32_t number = (uint32_t)(id - ACK_ID_FIRST);
    struct slot *slot = c->slots ? &c->slots[number % (uint32_t)set.in_flight] : NULL;
    if (!slot || !slot->is_busy || slot->number != number || slot->is_acked) {
        complain("an ack too many", text, length);
        return;
    }
    slot->is_acked = true;
    if (!is_good) {
        due_deliveries -= slot->missing;
        slot->missing = 0;
    }
    acked_ever++;
    if (is_measuring) {
        counts.acks++;
        note(&ack_ns, at - slot->due);
    }
    free_slot_if_done(c, slot);
}

/* ---- what comes in */

static void take_packet(struct connection *c, const char *text, size_t length, uint64_t at) {
    if (length >= sizeof DELIVERY && !memcmp(text, DELIVERY, sizeof DELIVERY - 1)) {
        take_delivery(text, length, at);
    } else if (length >= sizeof ACK && !memcmp(text, ACK, sizeof ACK - 1)) {
        take_ack(c, text + sizeof ACK - 1, length - (sizeof ACK - 1), at);
    } else if (text[0] == '0' && c->state == OPENING) {
        c->state = ENTERING;
        send_format(c, "40/chat,{\"token\":\"%s\"}", tokens[c->index]);
    } else if (length > 2 && !memcmp(text, "40", 2) && c->state == ENTERING) {
        if (set.activates) {
            c->state = ACTIVATING;
            send_format(c, "42/chat,0[\"chat:activate\",{\"chat_id\":\"%s\"}]", chats[room_of(c)]);
        } else {
            get_ready(c);
        }
    } else if (text[0] == '2') {
        send_text(c, "3", 1);
    } else if (text[0] != '4' || length < 2 || text[1] != '2') {
        complain("unexpected", text, length);
    }
}

static size_t take_frames(struct connection *c, char *data, size_t length, uint64_t at) { /* returns the bytes of whole frames */
    size_t used = 0;
    while (c->state != GONE && length - used >= 2) {
        const unsigned char *frame = (unsigned char *)data + used;
        size_t head = 2, size = frame[1] & 127;
        if (size >= 126) {
            head = size == 126 ? 4 : 10;
            if (length - used < head) break;
            size = 0;
            for (size_t i = 2; i < head; i++) size = size << 8 | frame[i];
        }
        if (length - used < head + size) break;
        counts.frames += is_measuring;
        if (frame[0] == 0x81 && size)
            take_packet(c, data + used + head, size, at);
        else if (frame[0] == 0x88)
            hang_up(c, "closed by the server");
        used += head + size;
    }
    return used;
}

static size_t take_answer(struct connection *c, char *data, size_t length) { /* of the opening handshake */
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(data, "HTTP/1.1 101", 12)) hang_up(c, "no upgrade");
    c->state = c->state == GONE ? GONE : OPENING;
    return (size_t)(end - data) + 4;
}

static void take_bytes(struct connection *c) {
    static char buffer[READ_BYTES];
    for (int turn = 0; turn < READS_PER_TURN && c->state != GONE; turn++) {
        if (c->kept_length) memcpy(buffer, c->kept, c->kept_length);
        ssize_t got = recv(c->fd, buffer + c->kept_length, sizeof buffer - c->kept_length, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            hang_up(c, got ? strerror(errno) : "the end");
            return;
        }
        if (is_measuring) counts.bytes += (uint64_t)got;
        size_t length = c->kept_length + (size_t)got, used = 0;
        if (c->state == UPGRADING) used = take_answer(c, buffer, length);
        if (c->state != UPGRADING) used += take_frames(c, buffer + used, length - used, now());
        c->kept_length = length - used;
        if (c->kept_length == sizeof buffer) die("a frame of more than %d bytes", READ_BYTES);
        if (c->kept_length > c->kept_size) c->kept = room_for(c->kept, c->kept_size = c->kept_length * 2);
        memcpy(c->kept, buffer + used, c->kept_length);
        if (length < sizeof buffer) return;
    }
}

static void give_bytes(struct connection *c) {
    if (c->state == DIALLING) {
        char request[512];
        int length = snprintf(request, sizeof request,
                              "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBvZiBhIGJlbmNoIQ==\r\n\r\n",
                              set.port);
        c->state = UPGRADING;
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
        transmit(c, request, (size_t)length);
        return;
    }
    ssize_t taken = send(c->fd, c->unsent + c->unsent_done, c->unsent_length - c->unsent_done, MSG_NOSIGNAL);
    if (taken < 0) {
        if (errno != EAGAIN) hang_up(c, strerror(errno));
        return;
    }
    c->unsent_done += (size_t)taken;
    if (c->unsent_done == c->unsent_length) {
        c->unsent_done = c->unsent_length = 0;
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static void attend(uint64_t until) { /* to whatever happens next, or until then */
    struct epoll_event events[EVENTS_MAX];
    uint64_t at = now(), wait = until > at ? until - at : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
    int count = epoll_pwait2(poller, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (c->state != GONE && events[i].events & EPOLLOUT) give_bytes(c);
        if (c->state != GONE && events[i].events & ~(uint32_t)EPOLLOUT) take_bytes(c);
    }
}

/* ---- the course of a run */

static void dial(struct connection *c) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)set.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    c->began = now();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("no socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) hang_up(c, strerror(errno));
}

static double connect_all(void) { /* returns how long it took, in seconds */
    uint64_t began = now(), end = began + (uint64_t)(set.patience_s * 1e9);
    while (ready + gone < token_count && now() < end) {
        while (dialled < token_count && dialled - ready - gone < set.window) dial(&connections[dialled++]);
        attend(now() + SECOND / 10);
    }
    return (double)(now() - began) / 1e9;
}

struct moment {
    uint64_t at;
    double own_cpu_s, machine_cpu_s;
    struct usage server, database;
};

static struct moment moment(void) {
    return (struct moment){now(), own_cpu_s(), machine_cpu_s(), usage_of(set.server_pid, false), usage_of(set.database_pid, true)};
}

static void attend_sending(uint64_t until, struct connection **senders, int count) {
    static uint64_t first_due, turns;
    if (!first_due) first_due = now();
    for (;;) {
        uint64_t at = now(), wake = until;
        while (set.rate) {
            uint64_t due = first_due + (uint64_t)((double)turns * 1e9 / set.rate);
            if (due > at) {
                if (due < wake) wake = due;
                break;
            }
            if (!send_message(senders[turns % (uint64_t)count], due)) counts.late += is_measuring;
            turns++;
        }
        if (at >= until) return;
        attend(wake);
    }
}

static void run(struct moment *from, struct moment *to) {
    struct connection **senders = room_for(NULL, sizeof *senders * (size_t)token_count);
    int count = 0;
    for (int i = 0; i < token_count; i++)
        if (connections[i].slots) senders[count++] = &connections[i];
    is_sending = true;
    for (int i = 0; i < count && !set.rate; i++)
        for (int n = 0; n < set.in_flight; n++) send_message(senders[i], now());
    attend_sending(now() + (uint64_t)(set.warm_up_s * 1e9), senders, count);
    *from = moment();
    is_measuring = true;
    attend_sending(now() + (uint64_t)(set.seconds * 1e9), senders, count);
    is_measuring = is_sending = false;
    *to = moment();
    uint64_t end = now() + (uint64_t)(set.patience_s * 1e9);
    while ((acked_ever < sent_ever || delivered_ever < due_deliveries) && ready && now() < end) attend(now() + SECOND / 10);
    free(senders);
}

static void report(double connect_s, struct usage before, struct usage idle, const struct moment *from, const struct moment *to) {
    double elapsed = (double)(to->at - from->at) / 1e9;
    printf("{\"connections\":%d,\"connect_s\":%.3f,\"connect_p99_ms\":%.3f,\"rss_before_kb\":%ld,\"rss_idle_kb\":%ld,", ready, connect_s,
           quantile_ms(&connect_ns, .99), before.rss_kb, idle.rss_kb);
    printf("\"seconds\":%.3f,\"sent\":%lu,\"acks\":%lu,\"deliveries\":%lu,\"frames\":%lu,\"bytes\":%lu,\"late\":%lu,", elapsed, counts.sent,
           counts.acks, counts.deliveries, counts.frames, counts.bytes, counts.late);
    printf("\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,\"delivery_p50_ms\":%.3f,\"delivery_p99_ms\":%.3f,\"delivery_max_ms\":%.3f,",
           quantile_ms(&ack_ns, .5), quantile_ms(&ack_ns, .99), quantile_ms(&delivery_ns, .5), quantile_ms(&delivery_ns, .99),
           (double)delivery_ns.largest / 1e6);
    printf("\"server_cpu_s\":%.2f,\"server_rss_kb\":%ld,\"database_cpu_s\":%.2f,\"load_cpu_s\":%.3f,\"machine_cpu_s\":%.2f,", to->server.cpu_s - from->server.cpu_s,
           to->server.rss_kb, to->database.cpu_s - from->database.cpu_s, to->own_cpu_s - from->own_cpu_s,
           to->machine_cpu_s - from->machine_cpu_s);
    printf("\"unanswered\":%lu,\"undelivered\":%lu,\"faults\":%lu}\n", sent_ever - acked_ever, due_deliveries - delivered_ever, faults);
}

static double number(const char *text) {
    char *rest;
    double value = strtod(text, &rest);
    if (!*text || *rest || value < 0) die("%s is no number", text);
    return value;
}

static void read_arguments(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, 0, 'p'}, {"tokens", 1, 0, 't'}, {"chats", 1, 0, 'c'}, {"room-size", 1, 0, 'r'}, {"senders", 1, 0, 's'},
        {"in-flight", 1, 0, 'i'}, {"rate", 1, 0, 'R'}, {"window", 1, 0, 'w'}, {"warm-up", 1, 0, 'W'}, {"seconds", 1, 0, 'S'},
        {"hold", 1, 0, 'h'}, {"activate", 0, 0, 'a'}, {"server", 1, 0, 'P'}, {"database", 1, 0, 'D'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p': set.port = (int)number(optarg); break;
        case 't': tokens = lines_of(optarg, &token_count); break;
        case 'c': chats = lines_of(optarg, &chat_count); break;
        case 'r': set.room_size = (int)number(optarg); break;
        case 's': set.senders = (int)number(optarg); break;
        case 'i': set.in_flight = (int)number(optarg); break;
        case 'R': set.rate = number(optarg); break;
        case 'w': set.window = (int)number(optarg); break;
        case 'W': set.warm_up_s = number(optarg); break;
        case 'S': set.seconds = number(optarg); break;
        case 'h': set.hold_s = number(optarg); break;
        case 'a': set.activates = true; break;
        case 'P': set.server_pid = (int)number(optarg); break;
        case 'D': set.database_pid = (int)number(optarg); break;
        default: die("see bench/README.md");
        }
    }
    if (!set.port || !token_count || !set.room_size || !set.in_flight || !set.window) die("see bench/README.md");
    if ((set.senders || set.activates) && chat_count * set.room_size < token_count) die("too few chats");
    for (int i = 0; i < chat_count; i++)
        if (strlen(chats[i]) != ID_BYTES) die("%s is no chat id", chats[i]);
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare_message();
    poller = epoll_create1(0);
    connections = calloc((size_t)token_count, sizeof *connections);
    for (int i = 0; connections && i < token_count; i++) {
        struct connection *c = &connections[i];
        c->index = i;
        c->mask = (uint32_t)random_bits() | 0x01010101;
        if (i % set.room_size < set.senders) c->slots = calloc((size_t)set.in_flight, sizeof *c->slots);
    }
    struct usage before = usage_of(set.server_pid, false);
    double connect_s = connect_all();
    for (uint64_t end = now() + (uint64_t)(set.hold_s * 1e9); now() < end;) attend(end);
    struct usage idle = usage_of(set.server_pid, false);
    struct moment from = {0}, to = {0};
    bool all_here = ready == token_count;
    if (!all_here) complain("connections missing", "", 0);
    if (all_here && set.senders) run(&from, &to);
    report(connect_s, before, idle, &from, &to);
    is_over = true;
    return faults || acked_ever < sent_ever || delivered_ever < due_deliveries;
}
