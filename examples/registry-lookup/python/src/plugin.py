"""Looks a person up in the registry: their names, where they live, their land and their photo."""

from chancery_plugin import Attachment, Data, DataProvider, Denied, NotFound, log, sql

#: Columns that become claims of the same name where the registry knows them.
PERSON = ("given_name", "family_name", "birth_date", "village")
PARCEL = ("number", "hectares", "water")


class RegistryLookup(DataProvider):
    name = "registry-lookup"
    version = "0.1.0"
    summary = "Looks a person up in the registry."

    def fetch(self, request, config):
        # No parameters: the host fills in whom the call is about.
        person = sql.run("person_by_id").first()
        if person is None:
            raise NotFound("The registry does not know this person.")
        if person["status"] == "closed":
            raise Denied("This entry of the registry was closed.")
        parcels = [known(parcel, PARCEL) for parcel in sql.run("parcels_by_owner")]
        log.info("looked up", parcels=len(parcels))

        data = Data(claims={**known(person, PERSON), "parcels": parcels}, valid_until=person["valid_until"])
        if person["photo"] is not None:
            data.attachments.append(Attachment("photo", "image/png", person["photo"]))
        return data


def known(row, columns):
    """The columns that are not NULL. Dates and decimals are texts."""
    return {column: row[column] for column in columns if row[column] is not None}
