// HTTP/2 load on one loopback port: connections that each keep so many requests under way, every answer checked.
//   http2 [-c connections] [-s streams of each] [-t milliseconds] [-b body bytes] [-l response bytes] PORT HEADS
// HEADS is a file of request heads in the form of HTTP/1.1; connection i sends the i-th, in turns. The first request of a
// connection puts its fields into the table (HPACK), the others name them there, as browsers do. What the answers to one
// read ask for next leaves in one write. Prints `ready` when all is set up, begins when a line comes in, prints one line
// of JSON. It is TLS when compiled so (transport.h).
#include "transport.h"

enum { EVENTS = 256, INPUT = 1 << 17, OUTPUT = 1 << 17, BLOCK = 16384, FIELDS = 64, STREAMS = 128, HEADS = 1 << 20 };
enum { DATA = 0, HEADERS = 1, RESET = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };
static const uint64_t patience = 10000000000ull;
// No answer ever waits for the window of this side.
static const uint32_t window = 0x7fffffff;

struct stream {
  uint32_t id;  // 0: none is under way
  int has_head;
  uint64_t due, received, sent;
  int64_t window;
};

struct connection {
  struct transport transport;
  int has_settings, stream_window;
  uint32_t next_id;
  int64_t window, taken;
  size_t filled, out_sent, out_filled;
  size_t first_length, next_length;
  unsigned char first[BLOCK], next[BLOCK];  // header blocks
  struct stream streams[STREAMS];
  unsigned char in[INPUT], out[OUTPUT];
};

static int connections = 16, streams = 8, loop;
static uint64_t body_bytes, response_bytes, end, answered, busy, last;

static inline uint32_t read32(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static inline void write32(unsigned char *at, uint32_t value) {
  at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value;
}

static unsigned char *frame(struct connection *one, size_t length, int type, int flags, uint32_t id) {
  if (one->out_filled + 9 + length > OUTPUT) give_up("more to send than there is room for");
  unsigned char *at = one->out + one->out_filled;
  at[0] = length >> 16, at[1] = length >> 8, at[2] = length, at[3] = type, at[4] = flags;
  write32(at + 5, id);
  one->out_filled += 9 + length;
  return at + 9;
}

// HPACK. An integer with a prefix of so many bits.
static size_t put_integer(unsigned char *at, int bits, int first, size_t value) {
  size_t most = (1u << bits) - 1, length = 1;
  if (value < most) return at[0] = first | value, 1;
  at[0] = first | most;
  for (value -= most; value >= 128; value >>= 7) at[length++] = 128 | (value & 127);
  return at[length++] = value, length;
}

static size_t put_text(unsigned char *at, const char *text, size_t length) {
  size_t used = put_integer(at, 7, 0, length);
  memcpy(at + used, text, length);
  return used + length;
}

// Both header blocks of a connection, from a request head of HTTP/1.1.
static void make_blocks(struct connection *one, const char *head, int secure) {
  char names[FIELDS][256];
  const char *values[FIELDS];
  size_t value_lengths[FIELDS];
  int count = 0;
  const char *target = strchr(head, ' ') + 1, *line = strstr(head, "\r\n") + 2;
  // :method GET or POST, :scheme, and :path / are in the static table.
  size_t *first = &one->first_length;
  one->first[(*first)++] = strncmp(head, "POST ", 5) ? 0x82 : 0x83;
  one->first[(*first)++] = secure ? 0x87 : 0x86;
  size_t target_length = strcspn(target, " ");
  if (target_length == 1) one->first[(*first)++] = 0x84;
  else *first += put_integer(one->first + *first, 4, 0, 4), *first += put_text(one->first + *first, target, target_length);
  memcpy(one->next, one->first, one->next_length = *first);
  for (; strncmp(line, "\r\n", 2); line = strstr(line, "\r\n") + 2) {
    size_t length = strcspn(line, ":");
    if (count == FIELDS || length > 255) give_up("too many fields in a head");
    for (size_t i = 0; i < length; i++) names[count][i] = line[i] | (line[i] >= 'A' && line[i] <= 'Z' ? 32 : 0);
    names[count][length] = 0;
    if (strcmp(names[count], "host") == 0) strcpy(names[count], ":authority");
    values[count] = line + length + 2, value_lengths[count] = strcspn(values[count], "\r");
    count++;
  }
  // :authority has to stand before the other fields; a head begins with Host.
  for (int i = 0; i < count; i++) {
    one->first[(*first)++] = 0x40;
    *first += put_text(one->first + *first, names[i], strlen(names[i]));
    *first += put_text(one->first + *first, values[i], value_lengths[i]);
    // The newest entry of the table is number 62.
    one->next_length += put_integer(one->next + one->next_length, 7, 0x80, 62 + count - 1 - i);
  }
}

static void flush_out(struct connection *one) {
  while (one->out_sent < one->out_filled) {
    ssize_t sent = transport_send(&one->transport, one->out + one->out_sent, one->out_filled - one->out_sent, 0, 0);
    if (sent == AGAIN) return;
    one->out_sent += sent;
  }
  one->out_sent = one->out_filled = 0;
}

static void send_body(struct connection *one, struct stream *stream) {
  static const int most = 16384;
  while (stream->sent < body_bytes) {
    int64_t size = body_bytes - stream->sent, room = one->window < stream->window ? one->window : stream->window;
    size = size > most ? most : size;
    if (room < size || one->out_filled + size + 9 > OUTPUT) return;
    stream->sent += size, one->window -= size, stream->window -= size;
    memset(frame(one, size, DATA, stream->sent == body_bytes ? END_STREAM : 0, stream->id), 0, size);
  }
}

static void ask(struct connection *one, struct stream *stream, uint64_t now) {
  int is_first = one->next_id == 1;
  size_t length = is_first ? one->first_length : one->next_length;
  *stream = (struct stream){.id = one->next_id, .due = now, .window = one->stream_window};
  one->next_id += 2, busy++;
  unsigned char *at = frame(one, length, HEADERS, END_HEADERS | (body_bytes ? 0 : END_STREAM), stream->id);
  memcpy(at, is_first ? one->first : one->next, length);
  send_body(one, stream);
}

static void finish(struct connection *one, struct stream *stream) {
  uint64_t now = now_ns();
  if (!stream->has_head) give_up("an answer without fields");
  if (stream->received != response_bytes) give_up("a body of %lu bytes instead of %lu", stream->received, response_bytes);
  if (stream->sent < body_bytes) give_up("answered before the body was sent");
  record(now - stream->due);
  answered++, busy--, last = now, stream->id = 0;
  if (now < end) ask(one, stream, now);
}

static struct stream *find(struct connection *one, uint32_t id) {
  for (int i = 0; i < streams; i++)
    if (one->streams[i].id == id && id) return &one->streams[i];
  give_up("a frame of stream %u, which is not open", id);
}

static void on_settings(struct connection *one, const unsigned char *at, size_t length) {
  for (size_t i = 0; i + 6 <= length; i += 6) {
    int id = at[i] << 8 | at[i + 1];
    uint32_t value = read32(at + i + 2);
    if (id == 1 && value < 4096) give_up("the server's header table has %u bytes: the load needs 4,096", value);
    if (id == 3 && value < (uint32_t)streams) give_up("the server allows %u streams", value);
    if (id == 4) {
      for (int k = 0; k < streams; k++) one->streams[k].window += (int64_t)value - one->stream_window;
      one->stream_window = value;
    }
  }
  one->has_settings = 1;
  frame(one, 0, SETTINGS, ACK, 0);
}

static void on_headers(struct connection *one, uint32_t id, int flags, const unsigned char *at, size_t length) {
  struct stream *stream = find(one, id);
  if (!(flags & END_HEADERS)) give_up("a header block in several frames");
  size_t skip = (flags & PADDED ? 1 : 0) + (flags & PRIORITY ? 5 : 0);
  // A new size of the table may come first; then :status 200, number 8 of the static table.
  while (skip < length && (at[skip] & 0xe0) == 0x20) {
    if ((at[skip++] & 31) == 31) while (skip < length && at[skip++] & 128) {}
  }
  if (skip >= length || at[skip] != 0x88) give_up("the first field is not the status 200");
  stream->has_head = 1;
  if (flags & END_STREAM) finish(one, stream);
}

static void on_data(struct connection *one, uint32_t id, int flags, const unsigned char *at, size_t length) {
  struct stream *stream = find(one, id);
  stream->received += length - (flags & PADDED ? 1 + at[0] : 0);
  if (stream->received > response_bytes) give_up("a body of more than %lu bytes", response_bytes);
  if ((one->taken += length) > window / 2) write32(frame(one, 4, WINDOW, 0, 0), one->taken), one->taken = 0;
  if (flags & END_STREAM) finish(one, stream);
}

static void on_frame(struct connection *one, int type, int flags, uint32_t id, const unsigned char *at, size_t length) {
  if (type == DATA) on_data(one, id, flags, at, length);
  else if (type == HEADERS) on_headers(one, id, flags, at, length);
  else if (type == SETTINGS && !(flags & ACK)) on_settings(one, at, length);
  else if (type == PING && !(flags & ACK)) memcpy(frame(one, 8, PING, ACK, 0), at, 8);
  else if (type == RESET) give_up("stream %u is reset with code %u", id, read32(at));
  else if (type == GOAWAY) give_up("GOAWAY with code %u: %.*s", read32(at + 4), (int)length - 8, at + 8);
  else if (type == WINDOW && id == 0) one->window += read32(at);
  else if (type == WINDOW) for (int i = 0; i < streams; i++) if (one->streams[i].id == id) one->streams[i].window += read32(at);
}

static void receive(struct connection *one) {
  if (transport_secure(&one->transport) == AGAIN) return;
  for (;;) {
    ssize_t got = transport_receive(&one->transport, one->in + one->filled, INPUT - one->filled);
    if (got == AGAIN) break;
    if (got == ENDED) give_up("closed");
    one->filled += got;
    size_t at = 0, length;
    for (; one->filled - at >= 9; at += 9 + length) {
      const unsigned char *from = one->in + at;
      length = from[0] << 16 | from[1] << 8 | from[2];
      if (length > 16384) give_up("a frame of %zu bytes", length);
      if (one->filled - at < 9 + length) break;
      on_frame(one, from[3], from[4], read32(from + 5) & 0x7fffffff, from + 9, length);
    }
    memmove(one->in, one->in + at, one->filled -= at);
    for (int i = 0; i < streams && body_bytes; i++) if (one->streams[i].id) send_body(one, &one->streams[i]);
#ifndef TLS
    // Less than there is room for: it was all.
    if ((size_t)got < INPUT / 2) break;
#endif
  }
  flush_out(one);
}

static void begin_connection(struct connection *one) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  one->next_id = 1, one->window = one->stream_window = 65535;
  memcpy(one->out, preface, one->out_filled = sizeof preface - 1);
  unsigned char *at = frame(one, 12, SETTINGS, 0, 0);
  memcpy(at, "\0\2\0\0\0\0\0\4", 8), write32(at + 8, window);
  write32(frame(one, 4, WINDOW, 0, 0), window - 65535);
  transport_open(&one->transport);
  watch(loop, one->transport.fd, one);
}

static void wait_for_events(void) {
  static struct epoll_event events[EVENTS];
  int count = epoll_wait(loop, events, EVENTS, patience / 1000000);
  if (count == 0) give_up("no answer within 10 s");
  for (int i = 0; i < count; i++) {
    struct connection *one = events[i].data.ptr;
    if (transport_secure(&one->transport) == AGAIN) continue;
    if (events[i].events & ~EPOLLOUT) receive(one);
    else flush_out(one);
  }
}

int main(int count, char **arguments) {
  uint64_t milliseconds = 1000;
  for (int option; (option = getopt(count, arguments, "c:s:t:b:l:")) != -1;) {
    uint64_t value = strtoull(optarg ? optarg : "0", 0, 10);
    if (option == 'c') connections = value;
    else if (option == 's') streams = value;
    else if (option == 't') milliseconds = value;
    else if (option == 'b') body_bytes = value;
    else if (option == 'l') response_bytes = value;
    else return 2;
  }
  if (optind + 2 != count || streams < 1 || streams > STREAMS) return 2;
  static char heads[HEADS];
  FILE *file = fopen(arguments[optind + 1], "r");
  if (file == 0 || fread(heads, 1, HEADS - 1, file) == 0) give_up("no request heads in %s", arguments[optind + 1]);
  transport_setup(atoi(arguments[optind]), "\x02h2", 3, 0);
  int secure = 0;
#ifdef TLS
  secure = 1;
#endif
  loop = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  const char *head = heads;
  for (int i = 0; i < connections; i++) {
    make_blocks(&all[i], head, secure);
    begin_connection(&all[i]);
    head = strstr(head, "\r\n\r\n") + 4;
    if (*head == 0) head = heads;
  }
  for (int i = 0; i < connections; i++)
    while (!all[i].has_settings) wait_for_events();
  ready();
  uint64_t begin = last = now_ns();
  end = begin + milliseconds * 1000000;
  for (int i = 0; i < connections; i++) {
    for (int k = 0; k < streams; k++) ask(&all[i], &all[i].streams[k], begin);
    flush_out(&all[i]);
  }
  while (busy) wait_for_events();
  print_result(answered, last - begin, 0);
}
