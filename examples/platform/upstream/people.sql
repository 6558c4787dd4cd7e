-- What a district office knows of its residents, and the one role that Chancery comes as.

create table person (
    id text primary key,
    given_name text not null,
    family_name text not null,
    born date not null,
    village text not null,
    photo bytea
);

create table parcel (
    person_id text not null references person (id),
    number text not null,
    hectares numeric(8, 2) not null,
    irrigated boolean not null,
    primary key (person_id, number)
);

insert into person (id, given_name, family_name, born, village, photo) values
    ('1001', 'Asha', 'Devi', '1984-03-12', 'Rampur', decode(
        'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQMAAAAlPW0iAAAABlBMVEXo9ekufTIURsxuAAAAJElEQVR42mNgAAPmAwzsD1AQUAQIgAz+'
        'DwzyPxjs/zD8/w9EAPa+Dj52YuxvAAAAAElFTkSuQmCC', 'base64')),
    ('1002', 'Ravi', 'Kumar', '1990-11-02', 'Chak No. 5', null);

insert into parcel (person_id, number, hectares, irrigated) values
    ('1001', '17/2', 1.60, true),
    ('1001', '41', 0.80, false),
    ('1002', '9/1', 5.00, true);

create role district_office login;
grant select on person, parcel to district_office;
