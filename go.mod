module github.com/doitintl/aws-ro-access

go 1.26.8
