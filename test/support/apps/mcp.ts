/**
 * An MCP server of the official SDK, `mcp.ts <name> <port>`: Streamable HTTP with sessions in the memory of this process,
 * the kind of revision 2025-06-18. Tools: `add` counts in its session, `announce` tells something on the event stream.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { host } from '../host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const sessions = new Map<string, StreamableHTTPServerTransport>();

/** A counter of its own for each session: elsewhere it would begin at 1 again. */
function counter(): McpServer {
  const mcp = new McpServer({ name, version: '1.0.0' }, { capabilities: { logging: {} } });
  let count = 0;
  mcp.registerTool('add', { description: 'Counts.' }, () => ({
    content: [{ type: 'text', text: JSON.stringify({ server: name, count: ++count }) }],
  }));
  mcp.registerTool('announce', { description: 'Tells the count on the event stream.' }, async () => {
    await mcp.sendLoggingMessage({ level: 'info', data: { server: name, count } });
    return { content: [] };
  });
  return mcp;
}

async function begin(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
    onsessionclosed: (id) => {
      sessions.delete(id);
    },
  });
  await counter().connect(transport);
  return transport;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = request.headers['mcp-session-id'];
  const known = typeof id === 'string' ? sessions.get(id) : await begin();
  if (known !== undefined) return known.handleRequest(request, response);
  const error = { code: -32001, message: `Session not found on ${name}` };
  response.writeHead(404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error, id: null }));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

process.stdin.resume().on('end', () => process.exit());
