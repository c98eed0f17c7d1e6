/** What an app sees of the gate before a response. */
export interface ResponseGuard {
  /**
   * The session could not be opened, or the handler has failed: the changes of the request are undone. The client gets the error instead
   * of what the app would have sent, as long as the head is not sent; after it the connection is broken.
   *
   * @param error What was thrown. A SessionError says the status of the response, anything else is 500.
   * @example
   * serve(request, response).catch((error) => app.guard(request, response).refuse(error));
   */
  refuse(error: unknown): void;
}
