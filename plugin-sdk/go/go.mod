module chancery

go 1.25
