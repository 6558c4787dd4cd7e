-- What the registry knows. SQLite keeps dates and decimals as texts.

create table person (
    id text primary key,
    given_name text not null,
    family_name text not null,
    birth_date text,
    village text,
    status text not null default 'active', -- or closed
    photo blob,
    valid_until integer -- seconds since 1970-01-01T00:00:00Z
);

create table parcel (
    owner_id text not null references person (id),
    number text not null,
    hectares text not null,
    water text not null, -- irrigated or rain-fed
    primary key (owner_id, number)
);

insert into person values
    ('1001', 'Asha', 'Devi', '1984-03-12', 'Rampur', 'active',
     x'89504e470d0a1a0a0000000d4948445200000010000000100103000000253d6d2200000006504c5445e8f5e92e7d321446cc6e000000244944415478da63600003e6030cec0f5010500408800cfe0f0cf23f18ecff30fcff0f4400f6be0e3e7662ec6f0000000049454e44ae426082',
     1893456000),
    ('1002', 'Ravi', 'Kumar', '1990-11-02', null, 'active', null, null),
    ('1003', 'Meena', 'Bai', '1979-07-30', 'Sitapur', 'closed', null, null);

insert into parcel values
    ('1001', '17/2', '1.60', 'irrigated'),
    ('1001', '41', '0.80', 'rain-fed');
