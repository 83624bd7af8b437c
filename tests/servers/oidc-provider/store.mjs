// Where the authorization server keeps everything: one Map for its whole life, nothing evicted.
// (The adapter that comes with oidc-provider is an LRU of 1,000 entries: grants vanish under load.)

const GRANTABLE = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

export class Store {
  entries = new Map(); // "Model:id" -> payload
  members = new Map(); // grant id -> Set of "Model:id"
  aliases = new Map(); // "uid:…" or "code:…" -> id

  adapter = (model) => new Table(this, model);

  of(model) {
    const prefix = `${model}:`;
    return [...this.entries].filter(([key]) => key.startsWith(prefix)).map(([, payload]) => payload);
  }

  forget(key) {
    this.entries.delete(key);
  }

  revokeFamily(grantId) {
    for (const key of this.members.get(grantId) ?? []) this.forget(key);
    this.members.delete(grantId);
  }

  revokeAccount(accountId) {
    const families = this.of('Grant').filter((grant) => accountId === undefined || grant.accountId === accountId);
    for (const { jti } of families) {
      this.revokeFamily(jti);
      this.forget(`Grant:${jti}`);
    }
    return families.length;
  }
}

class Table {
  constructor(store, model) {
    this.store = store;
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    const { store } = this;
    store.entries.set(this.key(id), payload);
    if (payload.uid) store.aliases.set(`uid:${payload.uid}`, id);
    if (payload.userCode) store.aliases.set(`code:${payload.userCode}`, id);
    if (GRANTABLE.has(this.model) && payload.grantId) {
      const family = store.members.get(payload.grantId) ?? new Set();
      store.members.set(payload.grantId, family.add(this.key(id)));
    }
  }

  async find(id) {
    return this.store.entries.get(this.key(id));
  }

  async findByUid(uid) {
    return this.find(this.store.aliases.get(`uid:${uid}`));
  }

  async findByUserCode(code) {
    return this.find(this.store.aliases.get(`code:${code}`));
  }

  async consume(id) {
    this.store.entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.store.forget(this.key(id));
  }

  async revokeByGrantId(grantId) {
    this.store.revokeFamily(grantId);
  }
}
