/** weather: the weather at a place, now and in the next hours. */

import { fail } from "@wardian/sdk";
import * as logging from "@wardian/sdk/logging";
import type { Conditions, Hour, Outlook, Place, WeatherError } from "sample:weather/reports@1.0.0";

import { answeringRefusals, numeric, type Query, read, textual } from "./service";
import { type Settings, settings } from "./settings";
import { skyOf } from "./sky";

const MOST_HOURS = 48;

/** What `wit/world.wit` exports as the interface `reports`. */
export const reports = {
  current: logging.reportsFailures(answeringRefusals(current)),
  forecast: logging.reportsFailures(answeringRefusals(forecast)),
};

async function current(name: string | undefined): Promise<Conditions> {
  const set = settings();
  const place = await find(set, name);
  const { current: now = {} } = await ask(set, place, {
    current: "temperature_2m,relative_humidity_2m,wind_speed_10m,weather_code",
  });
  return {
    place,
    units: set.units,
    time: textual(now.time, "time"),
    temperature: numeric(now.temperature_2m, "temperature"),
    humidityPercent: numeric(now.relative_humidity_2m, "humidity"),
    wind: numeric(now.wind_speed_10m, "wind"),
    sky: skyOf(now.weather_code),
  };
}

async function forecast(name: string | undefined, wanted: number | undefined): Promise<Outlook> {
  const set = settings();
  const count = wanted ?? set.hours;
  if (count < 1 || count > MOST_HOURS) throw fail<WeatherError>({ tag: "invalid-hours", val: count });
  const place = await find(set, name);
  const { hourly = {} } = await ask(set, place, {
    hourly: "temperature_2m,precipitation_probability,weather_code",
    forecast_hours: String(count),
  });
  const hours = [...Array(count).keys()].map((index): Hour => ({
    time: textual(hourly.time?.[index], "time"),
    temperature: numeric(hourly.temperature_2m?.[index], "temperature"),
    precipitationPercent: hourly.precipitation_probability?.[index] ?? undefined,
    sky: skyOf(hourly.weather_code?.[index]),
  }));
  return { place, units: set.units, hours };
}

/** What the service answers, if it answers as it should. */
interface Answered {
  current: Partial<Record<"temperature_2m" | "relative_humidity_2m" | "wind_speed_10m", number>> & {
    time?: string;
    weather_code?: number;
  };
  hourly: {
    time?: string[];
    temperature_2m?: number[];
    precipitation_probability?: (number | null)[];
    weather_code?: number[];
  };
}

async function find(set: Settings, name: string = set.place): Promise<Place> {
  const query = { name, count: "1" };
  const { results = [] } = await read<{ results: Partial<Place>[] }>(set.places_url, query);
  const found = results[0];
  if (found === undefined) throw fail<WeatherError>({ tag: "unknown-place", val: name });
  return {
    name: textual(found.name, "name of the place"),
    country: found.country,
    latitude: numeric(found.latitude, "latitude"),
    longitude: numeric(found.longitude, "longitude"),
  };
}

function ask(set: Settings, place: Place, wanted: Query): Promise<Partial<Answered>> {
  logging.debug("asking for the weather", { place: place.name });
  const units: Query =
    set.units === "imperial" ? { temperature_unit: "fahrenheit", wind_speed_unit: "mph" } : {};
  const { latitude, longitude } = place;
  const where = { latitude: String(latitude), longitude: String(longitude), timezone: "auto" };
  return read<Answered>(set.forecast_url, { ...where, ...units, ...wanted });
}
