/** Requests to the weather service, and what becomes of those that fail. */

import { WardianError, fail } from "@wardian/sdk";
import { fetch } from "@wardian/sdk/http";
import type { WeatherError } from "sample:weather/reports@1.0.0";

export type Query = Readonly<Record<string, string>>;

const TIMEOUT_MS = 3000;

/** Ask for JSON at `address`; whatever is not that fails with `unexpected-answer`. */
export async function read<T extends object>(address: string, query: Query): Promise<Partial<T>> {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const response = await fetch(url, { timeoutMs: TIMEOUT_MS });
  const text = await response.text();
  if (!response.ok) {
    throw unexpected(`${url.host} answered ${response.status} ${response.statusText}`);
  }
  try {
    return (JSON.parse(text) ?? {}) as Partial<T>;
  } catch {
    throw unexpected(`${url.host} answered what is no JSON`);
  }
}

/** Make a function answer with `refused` what the host refuses: its caller can ask for a grant. */
export function answeringRefusals<A extends unknown[], R>(
  exported: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await exported(...args);
    } catch (failure) {
      if (!(failure instanceof WardianError)) throw failure;
      throw fail<WeatherError>({ tag: "refused", val: failure.message });
    }
  };
}

/** What a service answers may be anything: take it as a number, or fail. */
export function numeric(value: unknown, what: string): number {
  if (typeof value !== "number") throw unexpected(`The service answered no ${what}`);
  return value;
}

/** The same as text. */
export function textual(value: unknown, what: string): string {
  if (typeof value !== "string") throw unexpected(`The service answered no ${what}`);
  return value;
}

function unexpected(what: string): unknown {
  return fail<WeatherError>({ tag: "unexpected-answer", val: `${what}.` });
}
