// The servers where nginx will not do: they read a request's whole body before they answer, and echo WebSocket messages.
//   origin BODY PORT NAME [PORT NAME ...]
// Any request gets BODY, /forwarded-for gets the X-Forwarded-For that came; each port names itself in X-Server.
#include "common.h"

enum { BUFFER = 1 << 15, EVENTS = 256, SMALL = 126 };

struct connection {
  int fd;
  const char *name;
  enum { LISTENER, HEAD, BODY, ECHO } state;
  uint64_t left;
  size_t filled;
  char buffer[BUFFER];
};

static const char *body;
static int loop;

static void answer(struct connection *one, const char *text) {
  char response[BUFFER];
  int length = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nX-Server: %s\r\nContent-Length: %zu\r\n\r\n%s",
                        one->name, strlen(text), text);
  send(one->fd, response, length, MSG_NOSIGNAL);
}

// RFC 6455, 1.3: the load always sends the key of the RFC's example, and this is its answer.
static const char handshake[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void keep(struct connection *one, size_t from) {
  memmove(one->buffer, one->buffer + from, one->filled -= from);
}

// Takes one request head off the buffer; 0 when it is not whole.
static int read_head(struct connection *one) {
  one->buffer[one->filled] = 0;
  char *stop = strstr(one->buffer, "\r\n\r\n");
  if (stop == 0) return 0;
  stop[2] = 0;
  char *length = strcasestr(one->buffer, "\r\ncontent-length:"), *from = strcasestr(one->buffer, "\r\nx-forwarded-for:");
  if (strcasestr(one->buffer, "\r\nupgrade: websocket")) {
    send(one->fd, handshake, sizeof handshake - 1, MSG_NOSIGNAL);
    one->state = ECHO;
  } else if (length && (one->left = strtoull(length + 17, 0, 10))) {
    one->state = BODY;
  } else if (strncmp(one->buffer, "GET /forwarded-for ", 19) == 0) {
    if (from) from += strspn(from + 18, " ") + 18, from[strcspn(from, "\r")] = 0;
    answer(one, from ? from : "");
  } else {
    answer(one, body);
  }
  keep(one, stop + 4 - one->buffer);
  return 1;
}

static int read_body(struct connection *one) {
  size_t taken = one->filled < one->left ? one->filled : one->left;
  one->left -= taken;
  keep(one, taken);
  if (one->left) return 0;
  answer(one, body);
  one->state = HEAD;
  return 1;
}

// All whole frames in the buffer go back, unmasked, in one write.
static int echo(struct connection *one) {
  unsigned char out[BUFFER], *in = (unsigned char *)one->buffer;
  size_t at = 0, length = 0;
  while (one->filled - at >= 6) {
    size_t payload = in[at + 1] & 127;
    if (payload >= SMALL) give_up("a message above 125 bytes");
    if (one->filled - at < 6 + payload) break;
    out[length++] = in[at], out[length++] = payload;
    for (size_t i = 0; i < payload; i++) out[length++] = in[at + 6 + i] ^ in[at + 2 + i % 4];
    at += 6 + payload;
  }
  if (length) send(one->fd, out, length, MSG_NOSIGNAL);
  keep(one, at);
  return 0;
}

static int advance(struct connection *one) {
  return one->state == HEAD ? read_head(one) : one->state == BODY ? read_body(one) : echo(one);
}

static void receive(struct connection *one) {
  for (;;) {
    // A long body is dropped by the kernel, not copied: MSG_TRUNC.
    int drop = one->state == BODY && one->left > BUFFER;
    ssize_t length = drop ? recv(one->fd, 0, one->left, MSG_TRUNC)
                          : recv(one->fd, one->buffer + one->filled, BUFFER - 1 - one->filled, 0);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
      close(one->fd);
      free(one);
      return;
    }
    if (drop) one->left -= length;
    else one->filled += length;
    while ((one->filled || (one->state == BODY && one->left == 0)) && advance(one)) {
    }
  }
}

static struct connection *add(int fd, const char *name, int state) {
  struct connection *one = calloc(1, sizeof *one);
  one->fd = fd, one->name = name, one->state = state;
  watch(loop, fd, one);
  return one;
}

int main(int count, char **arguments) {
  body = arguments[1], loop = epoll_create1(0);
  for (int i = 2; i + 1 < count; i += 2) {
    // All of 127.0.0.0/8, so that one port can be many servers, and no other network: the device is bound too.
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[i]))};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)) give_up("bind to lo: %s", strerror(errno));
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) give_up("listen: %s", strerror(errno));
    add(fd, arguments[i + 1], LISTENER);
  }
  static struct epoll_event events[EVENTS];
  for (;;) {
    int fresh = epoll_wait(loop, events, EVENTS, -1);
    for (int i = 0; i < fresh; i++) {
      struct connection *one = events[i].data.ptr;
      if (one->state != LISTENER) {
        if (events[i].events & ~EPOLLOUT) receive(one);
        continue;
      }
      for (int fd; (fd = accept4(one->fd, 0, 0, SOCK_NONBLOCK)) >= 0;) without_delay(fd), add(fd, one->name, HEAD);
    }
  }
}
