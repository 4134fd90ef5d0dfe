/** The least that a TypeScript plugin can do. */

export const echo = (value: string): string => value;
