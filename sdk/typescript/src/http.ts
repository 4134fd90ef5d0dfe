/**
 * HTTP requests through the host, as the web platform has them: `fetch`, which answers with a
 * `Response`. Needs `http:request:METHOD:URL-PATTERN`.
 *
 *     const response = await fetch("https://api.example.org/items", { timeoutMs: 3000 });
 *     if (!response.ok) throw fail(`the service answered ${response.status}`);
 *     const items = await response.json();
 *
 * What the host refuses rejects with `Denied`, `Invalid`, `Exhausted` or `Unavailable`; what a
 * server refuses is a response. An exported function may be `async`, and answers when its promise
 * does. The host sends one request at a time: `Promise.all` over several works, and saves no time.
 *
 * A plugin holds no secrets: `credential` names one that the operator stored, and the host puts it
 * into the request after every check. That needs `credentials:use:NAME`, and that the credential
 * is bound to the origin which is asked.
 *
 * Importing this module makes its `fetch` the global one, too, so that libraries find it: the
 * engine's own ends the call.
 */

import * as host from "wardian:plugin/http@1.0.0";

import { Invalid, ask } from "./_errors.js";
import { reasonOf } from "./_reasons.js";

/** What `fetch` takes beside the platform's own options. */
export interface FetchOptions extends RequestInit {
  /** The name of a credential that the host puts into the request. */
  credential?: string;
  /** Give up after this many milliseconds; never later than the call's own deadline. */
  timeoutMs?: number;
}

/**
 * Send one request and wait for the whole response; the host follows redirects.
 *
 * `host`, `authorization` and the headers of the connection are the host's to set. The `signal` of
 * the options is looked at before the request is sent, and not while it is under way.
 */
export async function fetch(
  input: string | URL | Request,
  options: FetchOptions = {},
): Promise<HttpResponse> {
  const { credential, timeoutMs, ...init } = options;
  refuseUnfollowed(init.redirect);
  // The engine's own `throwIfAborted` ends the call.
  if (init.signal?.aborted) throw init.signal.reason;
  const request = new Request(input, init);
  const body = new Uint8Array(await request.arrayBuffer());
  const asked = {
    method: request.method.toUpperCase(),
    url: request.url,
    headers: sentHeaders(request.headers),
    body: body.length > 0 || carriesBody(input, init) ? body : undefined,
    credential,
    timeoutMs: milliseconds(timeoutMs),
  };
  const { status, headers, body: received } = ask(() => host.send(asked));
  return new HttpResponse(received, status, headers, request.url);
}

/** The platform's `Response`, with what the engine's lacks. A status of 400 or more is one, too. */
export class HttpResponse extends Response {
  readonly #content: Uint8Array;
  readonly #status: number;
  readonly #pairs: readonly (readonly [string, string])[];
  readonly #url: string;

  constructor(
    content: Uint8Array,
    status: number,
    pairs: readonly (readonly [string, string])[],
    url: string,
  ) {
    super(EMPTY.has(status) ? null : content, {
      // The constructor takes no other, though a server may well answer 999.
      status: status >= 200 && status <= 599 ? status : 599,
      statusText: reasonOf(status),
      headers: pairs.map(([name, value]): [string, string] => [name, asBytes(value)]),
    });
    this.#content = content;
    this.#status = status;
    this.#pairs = pairs;
    this.#url = url;
  }

  override get status(): number {
    return this.#status;
  }

  override get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  /** The address that was asked; the host follows redirects and does not tell where to. */
  override get url(): string {
    return this.#url;
  }

  /** The body as it came, decompressed. */
  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  /** The same response once more, whose body nobody has read. */
  clone(): HttpResponse {
    if (this.bodyUsed) throw new TypeError("the body has been read already");
    return new HttpResponse(this.#content, this.#status, this.#pairs, this.#url);
  }
}

// Without a body by definition, so that the platform's constructor refuses even an empty one.
const EMPTY = new Set([204, 205, 304]);

// The engine adds it to what it is given; the host counts for itself.
const OWN = "content-length";

function sentHeaders(headers: Headers): [string, string][] {
  return [...headers].filter(([name]) => name !== OWN);
}

function carriesBody(input: string | URL | Request, init: RequestInit): boolean {
  if (init.body !== undefined && init.body !== null) return true;
  return input instanceof Request && input.body !== null;
}

function refuseUnfollowed(redirect: RequestInit["redirect"]): void {
  if (redirect === undefined || redirect === "follow") return;
  throw new Invalid(`redirects are followed by the host, which checks each: not "${redirect}"`);
}

function milliseconds(limit: number | undefined): bigint | undefined {
  if (limit === undefined) return undefined;
  if (!(limit > 0)) throw new Invalid(`timeoutMs is a number above 0, not ${limit}`);
  return BigInt(Math.ceil(Math.min(limit, LONGEST_MS)));
}

// A call ends long before; what is more than a day asks for no more than the call has.
const LONGEST_MS = 86_400_000;

/** A header's value as the platform has it: one character for each byte. */
function asBytes(value: string): string {
  if (!BEYOND_BYTES.test(value)) return value;
  return String.fromCharCode(...new TextEncoder().encode(value));
}

const BEYOND_BYTES = /[^\u0000-\u00ff]/;

Object.assign(globalThis, { fetch });
