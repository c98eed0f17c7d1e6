// A connection of the load, plain or TLS: the same calls for both. Compiled with -DTLS it needs OpenSSL (libssl-dev).
// TLS is X25519 and AES-128-GCM with all, so that every rival computes the same (P-256 is offered for the certificate).
#include "common.h"
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

struct transport {
  int fd;
#ifdef TLS
  SSL *tls;
  int secure;
  SSL_SESSION *session;  // the last ticket that came here; kept when the connection ends
#endif
};

enum { AGAIN = -1, ENDED = 0, RECORD = 16384 };
// Handshakes that are over, and how many of them were resumed.
__attribute__((unused)) static uint64_t handshakes, resumed;
static int transport_port;

#ifdef TLS
static SSL_CTX *context;

static _Noreturn void give_up_tls(const char *what) {
  unsigned long error = ERR_get_error();
  give_up("%s: %s", what, error ? ERR_reason_error_string(error) : "closed");
}

static int keep_session(SSL *tls, SSL_SESSION *session) {
  struct transport *one = SSL_get_app_data(tls);
  if (one->session) SSL_SESSION_free(one->session);
  one->session = session;
  return 1;
}

// `alpn`: one name with its length before it. `version`: 2 or 3, of TLS 1.x.
static void transport_setup(int port, const char *alpn, int version, int resumes) {
  int exact = version == 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
  transport_port = port;
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, exact), SSL_CTX_set_max_proto_version(context, exact);
  int bad = !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
            !SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256") ||
            !SSL_CTX_set1_groups_list(context, "X25519:P-256") ||
            SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, strlen(alpn));
  if (bad) give_up_tls("OpenSSL");
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_read_ahead(context, 1);
  if (resumes) SSL_CTX_sess_set_new_cb(context, keep_session);
}
#else
static void transport_setup(int port, const char *alpn, int version, int resumes) {
  (void)alpn, (void)version, (void)resumes, (void)RECORD;
  transport_port = port;
}
#endif

// It blocks while it connects: on loopback the answer is there before the call has to sleep, and an event is saved.
static void transport_open(struct transport *one) {
  struct sockaddr_in address = loopback(transport_port);
  one->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (one->fd < 0) give_up("socket: %s", strerror(errno));
  if (connect(one->fd, (void *)&address, sizeof address)) give_up("connect: %s", strerror(errno));
  without_delay(one->fd);
#ifdef TLS
  fcntl(one->fd, F_SETFL, O_NONBLOCK);
  one->tls = SSL_new(context);
  SSL_set_app_data(one->tls, one);
  SSL_set_fd(one->tls, one->fd);
  SSL_set_tlsext_host_name(one->tls, "bench.example");
  // A copy: OpenSSL uses a ticket of TLS 1.3 once, and some servers give no other with a resumed handshake.
  SSL_SESSION *copy = one->session ? SSL_SESSION_dup(one->session) : 0;
  if (copy) SSL_set_session(one->tls, copy), SSL_SESSION_free(copy);
  SSL_set_connect_state(one->tls);
#endif
}

// 1 as soon as the handshake is over, if there is one; to be called again after AGAIN, when the socket is ready.
static inline int transport_secure(struct transport *one) {
#ifdef TLS
  if (one->secure) return 1;
  ERR_clear_error();
  int done = SSL_do_handshake(one->tls);
  if (done == 1) {
    const unsigned char *name = 0;
    unsigned length = 0;
    SSL_get0_alpn_selected(one->tls, &name, &length);
    if (length == 0) give_up("the server has chosen no protocol (ALPN)");
    one->secure = 1, handshakes++, resumed += SSL_session_reused(one->tls);
    return 1;
  }
  int error = SSL_get_error(one->tls, done);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) give_up_tls("handshake");
  return AGAIN;
#else
  (void)one;
  return 1;
#endif
}

// The number of bytes sent, or AGAIN. `more` may be null; where it is not, as much of it as fits goes in the same call.
static inline ssize_t transport_send(struct transport *one, const void *bytes, size_t length, const void *more, size_t rest) {
#ifdef TLS
  static char record[RECORD];
  if (rest && length < RECORD) {
    size_t taken = rest < RECORD - length ? rest : RECORD - length;
    memcpy(record, bytes, length), memcpy(record + length, more, taken);
    bytes = record, length += taken;
  }
  ERR_clear_error();
  int sent = SSL_write(one->tls, bytes, length);
  if (sent > 0) return sent;
  int error = SSL_get_error(one->tls, sent);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) give_up_tls("send");
  return AGAIN;
#else
  struct iovec parts[2] = {{(void *)bytes, length}, {(void *)more, rest}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t sent = sendmsg(one->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) give_up("send: %s", strerror(errno));
  return sent;
#endif
}

// The number of bytes received, AGAIN or ENDED. Without `bytes` they are counted and dropped: plain ones by the kernel.
static inline ssize_t transport_receive(struct transport *one, void *bytes, size_t length) {
#ifdef TLS
  static char dropped[RECORD];
  if (bytes == 0) bytes = dropped, length = length < RECORD ? length : RECORD;
  ERR_clear_error();
  int got = SSL_read(one->tls, bytes, length);
  if (got > 0) return got;
  int error = SSL_get_error(one->tls, got);
  if (error == SSL_ERROR_ZERO_RETURN) return ENDED;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) give_up_tls("receive");
  return AGAIN;
#else
  ssize_t got = recv(one->fd, bytes, length, (bytes ? 0 : MSG_TRUNC) | MSG_DONTWAIT);
  if (got < 0 && errno != EAGAIN) give_up("receive: %s", strerror(errno));
  return got;
#endif
}

static inline void transport_close(struct transport *one) {
#ifdef TLS
  // OpenSSL does not resume a session whose connection was dropped; nothing is sent.
  SSL_set_quiet_shutdown(one->tls, 1), SSL_shutdown(one->tls);
  SSL_free(one->tls), one->secure = 0;
#endif
  close(one->fd);
  one->fd = -1;
}
