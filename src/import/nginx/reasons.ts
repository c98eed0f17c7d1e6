/** Why directives of nginx without a counterpart are left out: the first pattern that fits the name applies. */
import { commonReasons } from '../common-reasons.ts';

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^include$/, 'the file is not followed: import it by itself, or put its text here'],
  [
    /^(ssl|ssl_.*|listen_ssl)$/,
    'of TLS only certificates, versions and the certificates of clients are carried over: the rest is said by tls of the listener',
  ],
  [
    /^(proxy|grpc)_ssl/,
    'of TLS to servers only names, certificates and verification are carried over, for locations that pass by https:// or grpcs://',
  ],
  [/^http2/, 'HTTP/2 is offered with every certificate (protocols of the listener)'],
  [/^(http3|quic)/, 'HTTP/3 is not spoken here'],
  [/^(gzip|brotli|zstd|gunzip)/, commonReasons.noCompression],
  [/^proxy_(cache|store|temp|no_cache)|^(open_file_cache|slice|fastcgi_cache)/, 'nothing is cached here'],
  [/^(proxy_cookie_(domain|path|flags)|userid)/, "the servers' cookies are passed on as they are"],
  [
    /^(rewrite|return|try_files|error_page|break|set|if|absolute_redirect|port_in_redirect|internal)/,
    'answers and rewriting are for the servers: nothing is redirected or rewritten here',
  ],
  [
    /^(add_header|add_trailer|more_|expires|etag|proxy_hide_header|proxy_pass_header|proxy_ignore_headers|server_tokens|charset|default_type|types|override_charset|sub_filter)/,
    'responses are passed on as the servers wrote them',
  ],
  [
    /^(proxy_set_header|proxy_pass_request_|proxy_set_body|proxy_method)/,
    'requests are passed on as they are, with X-Forwarded-For, -Proto and -Host added',
  ],
  [/^proxy_redirect$/, 'Location is passed on as the servers wrote it'],
  [
    /^proxy_(request_)?buffer|^proxy_busy|^proxy_max_temp|^postpone_output|^output_buffers/,
    'bodies are streamed both ways, with a bound on what waits',
  ],
  [
    /^(root|alias|index|autoindex|sendfile|tcp_nopush|directio|aio|disable_symlinks|log_not_found|random_index)/,
    'no files are served here',
  ],
  [
    /^(tcp_nodelay|reset_timedout_connection|lingering_|keepalive_(requests|time|disable|min_timeout)|keepalive_requests)/,
    'connections are looked after by other rules here',
  ],
  [/^(access_log|log_format|error_log|log_subrequest|rewrite_log)/, commonReasons.logging],
  [
    /^(user|worker_|pid|daemon|master_process|thread_pool|load_module|env|lock_file|timer_resolution|pcre_jit|debug_|working_directory|events|accept_mutex|multi_accept|use)/,
    'it is about the process of nginx itself',
  ],
  [/^(stream|mail|rtmp)$/, commonReasons.onlyHttp],
  [
    /^(limit_req|limit_conn|limit_rate|allow|deny|satisfy|auth_|secure_link|valid_referers|limit_except|geo|geoip|js_|perl|lua|access_by_|content_by_|rewrite_by_|header_filter|internal_)/,
    'access is not limited here',
  ],
  [/^(fastcgi|uwsgi|scgi|grpc|memcached)_/, 'HTTP alone is spoken to servers'],
  [/^(map|split_clients|map_hash_)/, 'there are no variables here'],
  [/^(resolver|resolver_timeout)$/, "names are looked up by the system's resolver"],
  [
    /^(server_names_hash|variables_hash|types_hash|server_name_in_redirect|merge_slashes|underscores_in_headers|ignore_invalid_headers|client_body_(buffer|temp|in)|client_header_buffer|request_pool|connection_pool|subrequest)/,
    'heads and bodies are kept by other rules here',
  ],
  [
    /^(stub_status|status_zone|api|status|mirror|dav_|mp4|flv|hls|proxy_bind|proxy_socket|proxy_intercept|proxy_headers_hash|proxy_limit_rate|proxy_send_|proxy_ignore_client_abort|proxy_force_ranges)/,
    commonReasons.nothingLikeIt,
  ],
  [/^(zone|state|ntlm|keepalive_|sticky_cookie_insert)/, commonReasons.nothingLikeIt],
];

export function reasonFor(name: string): string {
  return reasons.find(([pattern]) => pattern.test(name))?.[1] ?? `"${name}" is not known to this importer`;
}
