/** HTTP requests through the host. Needs `http:request:METHOD:URL-PATTERN`. */

import * as host from "wardian:plugin/http@1.0.0";

import { ask } from "./_errors.js";
import { toText } from "./_json.js";

export interface Options {
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array | string;
  /** A credential that the host puts into the request. Needs `credentials:use:NAME`. */
  credential?: string;
  /** Give up after this many milliseconds; never later than the call's own deadline. */
  timeoutMs?: number;
}

/** What came back. A status of 400 or more is a response and not an exception. */
export class Response {
  constructor(
    readonly status: number,
    readonly headers: readonly (readonly [string, string])[],
    readonly body: Uint8Array,
  ) {}

  /** Whether the status is below 400. */
  get ok(): boolean {
    return this.status < 400;
  }

  /** The body as UTF-8; what is not UTF-8 in it is replaced. */
  get text(): string {
    return new TextDecoder().decode(this.body);
  }

  /** The body read as JSON. Throws `SyntaxError` when it is not. */
  json(): unknown {
    return JSON.parse(this.text);
  }

  /** The first header of this name, in whatever case. */
  header(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.headers.find(([key]) => key === wanted)?.[1];
  }
}

/** Send one request and wait for the whole response; the host follows redirects. */
export function request(method: string, url: string, options: Options = {}): Response {
  const { headers = {}, body, credential, timeoutMs } = options;
  const answer = ask(() =>
    host.send({
      method: method.toUpperCase(),
      url,
      headers: Object.entries(headers),
      body: typeof body === "string" ? new TextEncoder().encode(body) : body,
      credential,
      timeoutMs: timeoutMs === undefined ? undefined : BigInt(Math.trunc(timeoutMs)),
    }),
  );
  return new Response(answer.status, answer.headers, answer.body);
}

/** Send a GET request. */
export function get(url: string, options: Omit<Options, "body"> = {}): Response {
  return request("GET", url, options);
}

/** Send `value` as JSON in a POST request. */
export function postJson(
  url: string,
  value: unknown,
  { headers = {}, ...rest }: Omit<Options, "body"> = {},
): Response {
  return request("POST", url, {
    ...rest,
    headers: { "content-type": "application/json", ...headers },
    body: toText(value),
  });
}
