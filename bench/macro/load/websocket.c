// WebSocket echo: connections that each wait for their message to come back, check every byte, and send the next.
//   websocket [-c connections] [-t milliseconds] PORT HEADS
// Prints `ready` when all are open, begins when a line comes in, prints one line of JSON.
#include "common.h"

enum { PAYLOAD = 32, MASKED = 6 + PAYLOAD, PLAIN = 2 + PAYLOAD, EVENTS = 256, HEADS = 1 << 20 };

struct connection {
  int fd;
  uint64_t sent;
  size_t filled;
  unsigned char expected[PLAIN], received[PLAIN + 1];
};

static const unsigned char mask[4] = {0x5a, 0xc3, 0x0f, 0x96};
static uint64_t answered, busy, last;

// Every message names its connection and its turn: one that goes to another client is found out.
static void say(struct connection *one, uint32_t who, uint32_t turn) {
  unsigned char frame[MASKED] = {0x82, 0x80 | PAYLOAD};
  one->expected[0] = 0x82, one->expected[1] = PAYLOAD;
  memset(one->expected + 2, 'x', PAYLOAD);
  memcpy(one->expected + 2, &who, 4), memcpy(one->expected + 6, &turn, 4);
  memcpy(frame + 2, mask, 4);
  for (int i = 0; i < PAYLOAD; i++) frame[6 + i] = one->expected[2 + i] ^ mask[i % 4];
  one->sent = now_ns(), one->filled = 0;
  busy++;
  if (send(one->fd, frame, MASKED, MSG_NOSIGNAL) != MASKED) give_up("send: %s", strerror(errno));
}

static void shake_hands(struct connection *one, int port, const char *head, size_t length) {
  struct sockaddr_in address = loopback(port);
  char answer[4096];
  size_t filled = 0;
  struct timeval patience = {10, 0};
  one->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(one->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  without_delay(one->fd);
  if (connect(one->fd, (void *)&address, sizeof address)) give_up("connect: %s", strerror(errno));
  if (send(one->fd, head, length, MSG_NOSIGNAL) != (ssize_t)length) give_up("send: %s", strerror(errno));
  do {
    ssize_t got = recv(one->fd, answer + filled, sizeof answer - 1 - filled, 0);
    if (got <= 0) give_up("no answer to the handshake");
    answer[filled += got] = 0;
  } while (strstr(answer, "\r\n\r\n") == 0);
  if (strncmp(answer, "HTTP/1.1 101", 12)) give_up("handshake answered: %.40s", answer);
  fcntl(one->fd, F_SETFL, O_NONBLOCK);
}

// Whether its whole message is back.
static int hear(struct connection *one) {
  ssize_t length = recv(one->fd, one->received + one->filled, sizeof one->received - one->filled, 0);
  if (length < 0 && errno == EAGAIN) return 0;
  if (length <= 0) give_up("closed while a message was under way");
  if ((one->filled += length) < PLAIN) return 0;
  if (one->filled > PLAIN || memcmp(one->expected, one->received, PLAIN)) give_up("another message came back");
  record((last = now_ns()) - one->sent);
  answered++, busy--;
  return 1;
}

int main(int count, char **arguments) {
  uint64_t connections = 64, milliseconds = 1000;
  for (int option; (option = getopt(count, arguments, "c:t:")) != -1;) {
    if (option == 'c') connections = strtoull(optarg, 0, 10);
    else if (option == 't') milliseconds = strtoull(optarg, 0, 10);
    else return 2;
  }
  if (optind + 2 != count) return 2;
  static char heads[HEADS];
  FILE *file = fopen(arguments[optind + 1], "r");
  if (file == 0 || fread(heads, 1, HEADS - 1, file) == 0) give_up("no request heads in %s", arguments[optind + 1]);
  int loop = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  char *head = heads;
  for (uint64_t i = 0; i < connections; i++) {
    char *stop = strstr(head, "\r\n\r\n") + 4;
    shake_hands(&all[i], atoi(arguments[optind]), head, stop - head);
    watch(loop, all[i].fd, &all[i]);
    head = *stop ? stop : heads;
  }
  ready();
  uint64_t begin = last = now_ns(), end = begin + milliseconds * 1000000;
  for (uint64_t i = 0; i < connections; i++) say(&all[i], i, 0);
  static struct epoll_event events[EVENTS];
  while (busy) {
    int fresh = epoll_wait(loop, events, EVENTS, 10000);
    if (fresh == 0) give_up("no message within 10 s");
    for (int i = 0; i < fresh; i++) {
      struct connection *one = events[i].data.ptr;
      if (events[i].events & ~EPOLLOUT && hear(one) && now_ns() < end) say(one, one - all, answered);
    }
  }
  print_result(answered, last - begin, 0);
}
