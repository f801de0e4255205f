// Bindings that misbehave, around real ones. What one does is a word and, behind a colon, a text:
//
//   pass               what the real binding does
//   hang               never answers
//   late               is done, and never answers
//   lose               is done, and the answer is lost
//   reject:<message>   promises, and fails
//   throw:<message>    fails at once
//   answer:<JSON>      promises something else
//   bare:<JSON>        answers at once, with no promise
//   closed             opens no session

const never = () => new Promise(() => {});

function act(way, pass) {
  const [, what, rest] = /^(\w+):?(.*)$/s.exec(way);
  switch (what) {
    case "pass":
      return pass();
    case "hang":
      return never();
    case "late":
      return pass().then(never);
    case "lose":
      return pass().then(() => Promise.reject(new Error("Network connection lost.")));
    case "reject":
      return Promise.reject(new Error(rest));
    case "throw":
      throw new Error(rest);
    case "answer":
      return Promise.resolve(rest === "undefined" ? undefined : JSON.parse(rest));
    case "bare":
      return JSON.parse(rest);
  }
}

/** A database; `asked` says from which anchor each batch was sent. */
export function database(binding, replica, primary) {
  return {
    asked: [],
    withSession(anchor) {
      const way = anchor === "first-primary" ? primary : replica;
      if (way === "closed") throw new Error("Network connection lost.");
      const session = binding.withSession(anchor);
      return {
        prepare: (sql) => session.prepare(sql),
        batch: (statements) => {
          this.asked.push(anchor);
          return act(way, () => session.batch(statements));
        },
        getBookmark: () => session.getBookmark(),
      };
    },
  };
}

/** A namespace of KV or a bucket of R2. */
export function store(binding, way) {
  const method = (name) => (...args) => act(way, () => binding[name](...args));
  return { get: method("get"), put: method("put"), delete: method("delete") };
}

/** A bucket whose objects say this of themselves and have these bytes, or do not. */
export function bucket(metadata, way) {
  const object = { httpMetadata: JSON.parse(metadata), arrayBuffer: () => act(way, async () => new ArrayBuffer(3)) };
  return { get: async () => object };
}
