package endpoint

// partition is a set of regions that share accounts and the end of their host names.
type partition struct {
	name, suffix string
	regions      []string
}

// partitions are those in which the function can run, with the regions that
// AWS's own endpoint data lists for them (awsrulesfn/partitions.json of the SDK
// for Go). It is a list and no pattern, so that nobody else's host can look like
// a region; a new region is added here before the template is offered in it.
var partitions = []partition{
	{name: "aws", suffix: "amazonaws.com", regions: []string{
		"af-south-1",
		"ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
		"ap-southeast-7",
		"ca-central-1", "ca-west-1",
		"eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
		"il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1",
		"sa-east-1", "sa-west-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}},
	{name: "aws-us-gov", suffix: "amazonaws.com", regions: []string{"us-gov-east-1", "us-gov-west-1"}},
	{name: "aws-cn", suffix: "amazonaws.com.cn", regions: []string{"cn-north-1", "cn-northwest-1"}},
	{name: "aws-eusc", suffix: "amazonaws.eu", regions: []string{"eusc-de-east-1"}},
}

// stsHosts names the STS of each region, and partitionOf the partition.
var stsHosts, partitionOf = func() (map[string]string, map[string]string) {
	hosts, names := map[string]string{}, map[string]string{}
	for _, p := range partitions {
		for _, region := range p.regions {
			hosts[region] = "sts." + region + "." + p.suffix
			names[region] = p.name
		}
	}
	return hosts, names
}()

func partitionNames() (names []string) {
	for _, p := range partitions {
		names = append(names, p.name)
	}
	return names
}
