// What the programs of the load share: the clock, loopback sockets, a histogram of latencies, an end with a reason.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static inline struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void without_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// Edge-triggered, both directions, once for the life of the connection: no epoll_ctl per request.
static inline void watch(int loop, int fd, void *owner) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = owner};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event)) give_up("epoll_ctl: %s", strerror(errno));
}

// Tells whoever started this program that all is set up, and waits until a line, or the end, comes back.
static inline void ready(void) {
  char answer;
  puts("ready");
  fflush(stdout);
  while (read(0, &answer, 1) == 1 && answer != '\n') {
  }
}

// Each doubling of nanoseconds in 64 steps, as in an HDR histogram: below 1.6 % off.
enum { STEPS = 64, BUCKETS = 40 * STEPS };
static uint64_t histogram[BUCKETS], recorded;

static inline void record(uint64_t value) {
  int shift = value < STEPS ? 0 : 63 - __builtin_clzll(value) - 6;
  uint64_t bucket = value < STEPS ? value : shift * STEPS + (value >> shift);
  histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  recorded++;
}

// In milliseconds.
static inline double percentile(double percent) {
  uint64_t wanted = recorded * percent / 100, seen = 0, bucket = 0;
  while (bucket < BUCKETS - 1 && (seen += histogram[bucket]) <= wanted) bucket++;
  int shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
  return (double)((bucket - shift * STEPS) << shift) / 1e6;
}

static inline void print_result(uint64_t requests, uint64_t elapsed, uint64_t behind) {
  printf("{\"requests\":%lu,\"seconds\":%.6f,\"behind\":%lu,\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f}\n", requests,
         elapsed / 1e9, behind, percentile(50), percentile(99), percentile(99.9));
}
