// HTTP load on one loopback port, every answer checked. Without a rate each connection asks again as soon as it is
// answered; with one, requests have a schedule, and latency counts from the moment a request was due, whether or not a
// connection was free for it: a slow rival cannot slow its own questions down.
//   http [-c connections] [-t milliseconds] [-n requests] [-r per second] [-b body bytes] [-l response bytes]
//        [-1 no keep-alive] [-w a new connection each, all held until told] [-m mixed]
//        [-v 2 or 3, of TLS 1.x] [-R resume TLS sessions] PORT HEADS
// HEADS is a file of request heads; connection i sends the i-th, in turns; mixed: the heads go out in their order, on
// whatever connection is free. It is TLS when compiled so (transport.h). Prints one line of JSON.
#include "transport.h"

enum { HEAD = 16384, EVENTS = 256, CHUNK = 1 << 18 };
static const uint64_t patience = 10000000000ull;

struct connection {
  struct transport transport;
  uint64_t due;
  size_t sent, filled;
  int64_t left;  // of the response's body; -1 while its head is read
  const struct iovec *request;
  char head[HEAD];
};

static struct iovec heads[4096];
static char zeros[CHUNK];
static int heads_count, connections = 64, keep_alive = 1, hold = 0, mixed = 0;
static uint64_t body_bytes, response_bytes, limit, rate, begin, end, asked, answered, busy, last;
static struct connection *all, **idle;
static int idle_count, loop;

static void read_heads(const char *path) {
  static char text[1 << 20];
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
  for (char *at = text, *stop; heads_count < 4096 && (stop = strstr(at, "\r\n\r\n")); at = stop + 4)
    heads[heads_count++] = (struct iovec){at, stop + 4 - at};
  if (length == 0 || heads_count == 0) give_up("no request heads in %s", path);
}

static void open_connection(struct connection *one) {
  transport_open(&one->transport);
  watch(loop, one->transport.fd, one);
}

static void send_some(struct connection *one) {
  uint64_t head = one->request->iov_len, total = head + body_bytes;
  if (transport_secure(&one->transport) == AGAIN) return;
  while (one->sent < total) {
    uint64_t done = one->sent > head ? one->sent - head : 0, rest = body_bytes - done;
    int whole = one->sent < head;
    size_t part = rest < CHUNK ? rest : CHUNK;
    ssize_t length = whole ? transport_send(&one->transport, (char *)one->request->iov_base + one->sent,
                                            head - one->sent, zeros, part)
                           : transport_send(&one->transport, zeros, part, 0, 0);
    if (length == AGAIN) return;
    one->sent += length;
  }
}

static int more(void) { return limit ? asked < limit : rate ? begin + asked * 1000000000 / rate < end : now_ns() < end; }

static void ask(struct connection *one, uint64_t due) {
  one->due = due, one->sent = one->filled = 0, one->left = -1;
  if (mixed) one->request = &heads[asked % heads_count];
  asked++, busy++;
  if (one->transport.fd < 0) open_connection(one);
  send_some(one);
}

static void finish(struct connection *one) {
  uint64_t now = now_ns();
  record(now - one->due);
  answered++, busy--, last = now;
  if (hold && more()) return ask(&all[asked], now);
  if (!hold && !rate && more()) return ask(one, now);
  idle[idle_count++] = one;
}

static void read_head(struct connection *one, size_t length) {
  one->filled += length;
  one->head[one->filled] = 0;
  char *stop = strstr(one->head, "\r\n\r\n");
  if (stop == 0 && one->filled == HEAD - 1) give_up("a response head above %d bytes", HEAD);
  if (stop == 0) return;
  *stop = 0;
  char *field = strcasestr(one->head, "\r\ncontent-length:");
  if (strncmp(one->head, "HTTP/1.1 200", 12)) give_up("answered: %.40s", one->head);
  if (field == 0) give_up("a response without Content-Length");
  uint64_t length_given = strtoull(field + 17, 0, 10);
  if (length_given != response_bytes) give_up("a body of %lu bytes instead of %lu", length_given, response_bytes);
  if (one->sent < one->request->iov_len + body_bytes) give_up("answered before the body was sent");
  one->left = response_bytes - (one->filled - (stop + 4 - one->head));
  if (one->left < 0) give_up("more than one response");
}

static void receive_some(struct connection *one) {
  // With TLS 1.2 or when a session is resumed, the last message of the handshake makes room for the request.
  if (one->sent == 0) send_some(one);
  if (one->sent == 0) return;
  for (;;) {
    // A byte beyond the end of the body would be wrong: one more is asked for.
    int in_head = one->left < 0;
    ssize_t length = in_head ? transport_receive(&one->transport, one->head + one->filled, HEAD - 1 - one->filled)
                             : transport_receive(&one->transport, 0, one->left + 1);
    if (length == AGAIN) return;
    if (length == ENDED) {
      if (keep_alive || one->left != 0) give_up("closed with %ld bytes missing", one->left);
      transport_close(&one->transport);
      return finish(one);
    }
    if (in_head) {
      read_head(one, length);
    } else if ((one->left -= length) < 0) {
      give_up("more than Content-Length");
    }
    if (one->left == 0 && keep_alive) return finish(one);
  }
}

static void wait_for_events(void) {
  static struct epoll_event events[EVENTS];
  uint64_t now = now_ns(), next = now + patience;
  if (rate && idle_count && more()) next = begin + asked * 1000000000 / rate;
  uint64_t wait = next > now ? next - now : 0;
  struct timespec timeout = {wait / 1000000000, wait % 1000000000};
  int count = epoll_pwait2(loop, events, EVENTS, &timeout, 0);
  if (count == 0 && wait == patience) give_up("no answer within 10 s");
  for (int i = 0; i < count; i++) {
    struct connection *one = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) send_some(one);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP) && one->transport.fd >= 0) receive_some(one);
  }
}

int main(int count, char **arguments) {
  uint64_t milliseconds = 1000;
  int version = 3, resumes = 0;
  for (int option; (option = getopt(count, arguments, "c:t:n:r:b:l:1wmv:R")) != -1;) {
    uint64_t value = optarg ? strtoull(optarg, 0, 10) : 1;
    if (option == 'c') connections = value;
    else if (option == 't') milliseconds = value;
    else if (option == 'n') limit = value;
    else if (option == 'r') rate = value;
    else if (option == 'b') body_bytes = value;
    else if (option == 'l') response_bytes = value;
    else if (option == '1') keep_alive = 0;
    else if (option == 'w') hold = 1;
    else if (option == 'm') mixed = 1;
    else if (option == 'v') version = value;
    else if (option == 'R') resumes = 1;
    else return 2;
  }
  if (optind + 2 != count) return 2;
  transport_setup(atoi(arguments[optind]), "\x08http/1.1", version, resumes);
  read_heads(arguments[optind + 1]);
  prctl(PR_SET_TIMERSLACK, 1);
  int total = connections + (hold ? (int)limit : 0);
  loop = epoll_create1(0), all = calloc(total, sizeof *all), idle = calloc(total, sizeof *idle);
  for (int i = 0; i < total; i++) all[i].transport.fd = -1, all[i].request = &heads[i % heads_count];
  begin = last = now_ns(), end = begin + milliseconds * 1000000;
  if (rate) for (; idle_count < connections; idle_count++) idle[idle_count] = &all[idle_count];
  else for (int i = 0; i < connections && more(); i++) ask(&all[i], begin);
  // An overloaded rival would take for ever to answer all that was due: it has two seconds.
  while (busy || (rate && more())) {
    for (uint64_t due; rate && idle_count && more() && (due = begin + asked * 1000000000 / rate) <= now_ns();)
      ask(idle[--idle_count], due);
    if (rate && now_ns() > end + 2000000000) break;
    wait_for_events();
  }
  // All but the first of each connection can be.
  if (resumes && handshakes > 2 * (uint64_t)connections && resumed < (handshakes - connections) * 9 / 10)
    give_up("%lu of %lu TLS sessions were resumed", resumed, handshakes);
  uint64_t behind = 0;
  for (; rate && more(); asked++) behind++;
  if (hold) ready();
  print_result(answered, last - begin, behind + busy);
}
