module example.org/{{ name }}

go 1.25

require chancery v0.0.0

replace chancery => ./sdk/go
