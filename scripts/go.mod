module github.com/doitintl/aws-ro-access/scripts

go 1.26.8
