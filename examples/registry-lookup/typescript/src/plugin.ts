// Looks a person up in the registry: their names, where they live, their land and their photo.

import { Denied, NotFound, defineDataProvider, log } from "chancery";
import * as sql from "chancery/sql";

/** Columns that become claims of the same name where the registry knows them. */
const PERSON = ["given_name", "family_name", "birth_date", "village"];
const PARCEL = ["number", "hectares", "water"];

export const { lifecycle, dataProvider } = defineDataProvider({
  name: "registry-lookup",
  version: "0.1.0",
  summary: "Looks a person up in the registry.",

  fetch() {
    // No parameters: the host fills in whom the call is about.
    const person = sql.first("person_by_id");
    if (person === undefined) throw new NotFound("The registry does not know this person.");
    if (person.status === "closed") throw new Denied("This entry of the registry was closed.");
    const parcels = sql.query("parcels_by_owner").rows.map((parcel) => known(parcel, PARCEL));
    log.info("looked up", { parcels: parcels.length });

    const photo = person.photo;
    const validUntil = person.valid_until;
    return {
      claims: { ...known(person, PERSON), parcels },
      attachments: photo instanceof Uint8Array ? [{ name: "photo", mediaType: "image/png", bytes: photo }] : [],
      validUntil: typeof validUntil === "number" ? validUntil : undefined,
    };
  },
});

/** The columns that are not NULL. Dates and decimals are texts. */
function known(row: sql.Row, columns: string[]) {
  return Object.fromEntries(columns.filter((column) => row[column] !== null).map((column) => [column, row[column]]));
}
