/** The configuration, as `config_schema` in the manifest describes it. */

import * as config from "@wardian/sdk/config";

export interface Settings {
  place: string;
  units: "metric" | "imperial";
  hours: number;
  places_url: string;
  forecast_url: string;
}

/** What is configured now. The manifest has a default for each. */
export const settings = (): Settings => config.getAll<Settings>();
