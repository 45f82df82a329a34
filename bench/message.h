/* The one message that is sent over and over: all its text is made once, four places of fixed length are filled in for each
 * send. Included by load.c alone. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    TEXT_BYTES = 200,
    ACK_ID_FIRST = 100000000,  /* ids of one length */
    ACK_ID_DIGITS = 9,
    ID_BYTES = 36,
};

static uint64_t random_bits(void) { /* splitmix64 */
    static uint64_t state;
    if (!state) state = now();
    uint64_t z = state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static void put_hex(char *to, uint64_t value, int digits) {
    while (digits--) {
        to[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static uint64_t get_hex(const char *from, int digits) {
    uint64_t value = 0;
    while (digits--) {
        unsigned char c = (unsigned char)*from++;
        value = value << 4 | (c <= '9' ? c & 15u : (c & 15u) + 9);
    }
    return value;
}

static struct { /* ack_id … mark: the four places in text */
    char text[1024], *ack_id, *chat_id, *client_id, *mark;
    size_t length;
} message;

enum { MARK_BYTES = 1 + 16 + 8 + 8 }; /* @, when due, the sender's index, its number */

static void prepare_message(void) {
    char blank[TEXT_BYTES + 1];
    for (int i = 0; i < TEXT_BYTES; i++) blank[i] = "the quick brown fox jumps over a lazy dog "[i % 42];
    blank[TEXT_BYTES] = 0;
    int length = snprintf(message.text, sizeof message.text,
                          "42/chat,%*d[\"message:send\",{\"chat_id\":\"%*s\",\"client_id\":\"%*s\",\"type\":\"text\","
                          "\"content\":{\"text\":\"%s\"}}]",
                          ACK_ID_DIGITS, 0, ID_BYTES, "", ID_BYTES, "", blank);
    message.length = (size_t)length;
    message.ack_id = message.text + strlen("42/chat,");
    message.chat_id = strstr(message.text, "chat_id\":\"") + strlen("chat_id\":\"");
    message.client_id = strstr(message.text, "client_id\":\"") + strlen("client_id\":\"");
    message.mark = strstr(message.text, "text\":\"") + strlen("text\":\"");
}

static void put_uuid(char *to) {
    uint64_t high = random_bits(), low = random_bits();
    put_hex(to, high >> 32, 8);
    put_hex(to + 9, high >> 16, 4);
    put_hex(to + 14, (high & 0xfff) | 0x4000, 4);
    put_hex(to + 19, (low >> 48 & 0x3fff) | 0x8000, 4);
    put_hex(to + 24, low, 12);
    to[8] = to[13] = to[18] = to[23] = '-';
}

static void fill_in(const char *chat_id, uint32_t ack_id, uint64_t due, uint64_t sender, uint32_t number) {
    for (uint32_t i = ACK_ID_DIGITS; i--; ack_id /= 10) message.ack_id[i] = (char)('0' + ack_id % 10);
    memcpy(message.chat_id, chat_id, ID_BYTES);
    put_uuid(message.client_id);
    message.mark[0] = '@';
    put_hex(message.mark + 1, due, 16);
    put_hex(message.mark + 17, sender, 8);
    put_hex(message.mark + 25, number, 8);
}
