// What a test may ask and change while the server runs, under /_test/ :
//
//   GET  stats                         what was asked, exchanged, refused, reused, revoked; who is registered
//   POST reset                         settings, counts, faults and clients as at the start; tokens stay
//   POST settings  {name: value, …}    see DEFAULTS
//   POST client    {client_id, …}      registers or replaces a client (a new secret, say)
//   POST remove    {client_id}         forgets a client
//   POST revoke    {account?}          a person removes the app: every grant of that account (of all) dies
//   POST advance   {seconds}           the server's clock goes on by so much, for good
//   POST faults    [{path, times, skip, status, headers, body, drop, delay, grant}, …]
//                                      `status` answers in the server's place; `drop` lets it work and cuts the
//                                      connection instead of answering; `delay` (s) waits first; `grant` limits
//                                      the fault to one grant_type

import { Readable } from 'node:stream';

const DEFAULTS = {
  accessTokenTtl: 3600,
  refreshTokenTtl: 14 * 86400,
  grantTtl: 14 * 86400,
  codeTtl: 60,
  deviceCodeTtl: 600,
  rotateRefreshToken: true,
  rotateRegistrationAccessToken: true,
  alwaysRefreshToken: false, // a refresh token without offline_access, too
  withholdRefreshToken: false, // no refresh token whatever is asked
};

const clock = Date.now;
let ahead = 0;
Date.now = () => clock() + ahead;

const read = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const add = (counts, key) => {
  counts[key] = (counts[key] ?? 0) + 1;
};

const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

export class Control {
  constructor(store, given) {
    this.store = store;
    this.given = given;
    this.settings = {};
    this.turn = Promise.resolve();
    this.reset();
  }

  reset() {
    Object.assign(this.settings, DEFAULTS, this.given.settings);
    this.faults = [];
    this.counts = { requests: {}, token: {}, exchanged: {}, refused: {}, reuse: 0, familiesRevoked: 0 };
    for (const key of [...this.store.entries.keys()]) {
      if (key.startsWith('Client:') || key.startsWith('RegistrationAccessToken:')) this.store.forget(key);
    }
    for (const client of this.given.clients ?? []) this.client(client);
  }

  client(metadata) {
    this.store.entries.set(`Client:${metadata.client_id}`, {
      application_type: 'native', // so that any loopback port may be the callback (RFC 8252, section 7.3)
      ...metadata,
    });
  }

  listen(provider) {
    provider.on('grant.success', (ctx) => add(this.counts.exchanged, ctx.oidc.params.grant_type));
    provider.on('grant.error', (ctx, error) => {
      add(this.counts.refused, error.error);
      if (error.error_detail === 'refresh token already used') this.counts.reuse += 1;
    });
    provider.on('grant.revoked', () => {
      this.counts.familiesRevoked += 1;
    });
    provider.on('server_error', (ctx, error) => console.error(error));
  }

  // ----------------------------------------------------------------------------------- what passes through

  async watch(request, response, { pathname, answer }) {
    add(this.counts.requests, `${request.method} ${pathname}`);
    const body = request.method === 'POST' ? await read(request) : undefined;
    const grant = pathname === '/token' ? new URLSearchParams(body.toString()).get('grant_type') : undefined;
    if (grant) add(this.counts.token, grant);

    const fault = this.fault(pathname, grant);
    if (fault?.delay) await pause(fault.delay);
    if (fault?.status) {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body ?? '{}');
      return;
    }
    if (fault?.drop) response.end = () => request.socket.destroy();

    const work = () =>
      new Promise((done) => {
        response.once('close', done);
        answer(body === undefined ? request : replay(request, body), response);
      });
    // A real server judges a refresh token in one transaction: here, one token request after another.
    if (pathname === '/token') {
      this.turn = this.turn.then(work);
      await this.turn;
    } else {
      await work();
    }
  }

  fault(pathname, grant) {
    const found = this.faults.find(
      (fault) => fault.path === pathname && (fault.grant === undefined || fault.grant === grant) && fault.times > 0,
    );
    if (!found) return undefined;
    if (found.skip > 0) {
      found.skip -= 1;
      return undefined;
    }
    found.times -= 1;
    return found;
  }

  // ------------------------------------------------------------------------------------------- what is asked

  async serve(request, response, verb) {
    const raw = request.method === 'POST' ? await read(request) : Buffer.alloc(0);
    const asked = raw.length ? JSON.parse(raw.toString()) : {};
    const verbs = {
      stats: () => ({
        ...this.counts,
        clients: this.store.of('Client').map((client) => client.client_id),
        registrationTokens: this.store.of('RegistrationAccessToken').length,
        grants: this.store.of('Grant').map(({ accountId, clientId }) => ({ accountId, clientId })),
        settings: this.settings,
      }),
      reset: () => this.reset(),
      settings: () => {
        const unknown = Object.keys(asked).filter((name) => !(name in DEFAULTS));
        if (unknown.length) throw new Error(`no such setting: ${unknown}`);
        Object.assign(this.settings, asked);
      },
      client: () => this.client({ ...this.store.entries.get(`Client:${asked.client_id}`), ...asked }),
      remove: () => this.store.forget(`Client:${asked.client_id}`),
      revoke: () => ({ families: this.store.revokeAccount(asked.account) }),
      advance: () => {
        ahead += asked.seconds * 1000;
      },
      faults: () => {
        this.faults = asked.map((fault) => ({ times: 1, skip: 0, ...fault }));
      },
    };
    const known = Object.hasOwn(verbs, verb);
    const said = known ? (verbs[verb]() ?? {}) : { error: `no such verb: ${verb}` };
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  }
}

// The request again, with its body still to be read.
function replay(request, body) {
  const copy = Readable.from(body.length ? [body] : []);
  for (const name of ['method', 'url', 'headers', 'rawHeaders', 'httpVersion', 'socket', 'connection', 'complete']) {
    Object.defineProperty(copy, name, { value: request[name], writable: true });
  }
  return copy;
}
