size  = 2
names = ["x"]
