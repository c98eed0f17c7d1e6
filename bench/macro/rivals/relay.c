// The floor: what the kernel alone charges for one hop. An epoll loop that reads and writes and parses nothing:
// every client connection has a server connection of its own. `relay PORT SERVER_PORT`, loopback only.
// Sockets block: both ends here always read, and a relay that queued bytes would measure its queue as well.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_EVENTS = 256 };
static int peer[MAX_FD];  // the other side of a connection, -1 once either side has ended

static void watch(int loop, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

static void join(int loop, int listener, const struct sockaddr_in *server) {
  int one = 1, client = accept(listener, 0, 0);
  if (client < 0) return;
  int upstream = socket(AF_INET, SOCK_STREAM, 0);
  if (upstream < 0 || client >= MAX_FD || upstream >= MAX_FD || connect(upstream, (const void *)server, sizeof *server)) {
    close(upstream), close(client);
    return;
  }
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(upstream, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  peer[client] = upstream, peer[upstream] = client;
  watch(loop, client), watch(loop, upstream);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))}, server = self;
  self.sin_addr.s_addr = server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons(atoi(arguments[2]));
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), loop = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&self, sizeof self) || listen(listener, 1024)) return 1;
  watch(loop, listener);
  static char buffer[65536];
  static struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int ready = epoll_wait(loop, events, MAX_EVENTS, -1), ended[2 * MAX_EVENTS], ends = 0, fresh = 0;
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd, other = peer[fd];
      if (fd == listener) {
        fresh = 1;
      } else if (other >= 0) {
        ssize_t length = read(fd, buffer, sizeof buffer);
        if (length > 0 && send(other, buffer, length, MSG_NOSIGNAL) == length) continue;
        peer[fd] = peer[other] = -1;
        ended[ends++] = fd, ended[ends++] = other;
      }
    }
    // Closed and accepted only now: a number used again would meet the old connection's event in this batch.
    while (ends) close(ended[--ends]);
    if (fresh) join(loop, listener, &server);
  }
}
