module price

go 1.27
