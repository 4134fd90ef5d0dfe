/** The codes of the World Meteorological Organization (table 4677), as far as services use them. */

const SKIES: readonly (readonly [number, string])[] = [
  [0, "clear"],
  [2, "partly cloudy"],
  [3, "overcast"],
  [48, "fog"],
  [57, "drizzle"],
  [61, "light rain"],
  [65, "rain"],
  [67, "freezing rain"],
  [77, "snow"],
  [82, "showers"],
  [86, "snow showers"],
  [99, "thunderstorm"],
];

/** The sky in words; each entry above is the last code of its kind. */
export function skyOf(code: number | undefined): string {
  return SKIES.find(([last]) => code !== undefined && code <= last)?.[1] ?? "unknown";
}
