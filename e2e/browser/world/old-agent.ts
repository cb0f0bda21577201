// An agent from before the present local API, as far as a page gets to know it.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Answers at the agent's port as an agent too old; what is given back ends it. */
export async function oldAgent(port: number): Promise<() => Promise<void>> {
  const status = JSON.stringify({ product: 'certhall-agent', version: '0.1', api: 0, paired: false, ui: 'page', authorities: [] });
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '');
    response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, accept-language');
    response.setHeader('Content-Type', 'application/json');
    response.end(request.method === 'OPTIONS' ? '' : status);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
}
