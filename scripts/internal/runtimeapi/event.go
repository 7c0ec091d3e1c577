package runtimeapi

import (
	"fmt"
	"strings"
	"time"
)

// The customer of every event here.
const (
	Account    = "111122223333"
	Region     = "eu-west-1"
	StackName  = "doit-access"
	StackGUID  = "51af3dc0-da77-11e4-872e-1234567db123"
	StackID    = "arn:aws:cloudformation:" + Region + ":" + Account + ":stack/" + StackName + "/" + StackGUID
	RoleARN    = "arn:aws:iam::" + Account + ":role/doit/doit-access-SupportRole-1A2B3C4D5E6F"
	ExternalID = "external.id-that/nobody+must=see,in@a:log_line"
	RequestID  = "c1f4b5a8-6f1d-4c0e-9d52-7d3f0a8be111"
	Resource   = "Registration"
)

// Event is a request of CloudFormation's, as it sends one for the template.
func Event(requestType, responseURL string) map[string]any {
	event := map[string]any{
		"RequestType":       requestType,
		"ServiceToken":      functionARN,
		"ResponseURL":       responseURL,
		"StackId":           StackID,
		"RequestId":         RequestID,
		"LogicalResourceId": Resource,
		"ResourceType":      "Custom::Registration",
		"ResourceProperties": map[string]any{
			"ServiceToken":    functionARN,
			"ServiceTimeout":  "630",
			"RoleArn":         RoleARN,
			"ExternalId":      ExternalID,
			"TicketId":        "12345",
			"Access":          "approved",
			"AccessExpires":   "2030-12-31T00:00:00Z",
			"TemplateVersion": "1.0.0",
			"Endpoint":        "https://registration.aws-ops.doit-intl.com/v1/registrations",
		},
	}
	if requestType != "Create" {
		event["PhysicalResourceId"] = RoleARN
	}
	if requestType == "Update" {
		event["OldResourceProperties"] = map[string]any{
			"ServiceToken":    functionARN,
			"ServiceTimeout":  "630",
			"RoleArn":         RoleARN,
			"ExternalId":      ExternalID,
			"TicketId":        "12344",
			"Access":          "approved",
			"TemplateVersion": "1.0.0",
		}
	}
	return event
}

// ResponseURL is one as CloudFormation presigns it, valid for two hours from
// the given time, on the given host.
func ResponseURL(host string, issued time.Time) string {
	object := strings.ReplaceAll(StackID, ":", "%3A") + "%7C" + Resource + "%7C" + RequestID
	return fmt.Sprintf("https://%s/%s?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=%s"+
		"&X-Amz-SignedHeaders=host&X-Amz-Expires=7200"+
		"&X-Amz-Credential=AKIAEXAMPLEOFCFN%%2F20261124%%2Feu-west-1%%2Fs3%%2Faws4_request&X-Amz-Signature=%064x",
		host, object, issued.UTC().Format("20060102T150405Z"), 0xfeedc0ffee)
}
