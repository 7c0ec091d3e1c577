package endpoint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	stsNamespace   = "https://sts.amazonaws.com/doc/2011-06-15/"
	identityResult = "GetCallerIdentityResponse/GetCallerIdentityResult"
	assumeResult   = "AssumeRoleResponse/AssumeRoleResult"

	// The codes of STS that the endpoint knows.
	accessDenied   = "AccessDenied"
	regionDisabled = "RegionDisabledException"
)

// The elements that may stand in an answer, each at most once. The account is
// only where AWS puts it: an answer that reflects the caller's own words
// anywhere else says nothing (CVE-2020-16250).
var (
	identityElements = elementSet(
		identityResult+"/Arn", identityResult+"/UserId", identityResult+"/Account",
		"GetCallerIdentityResponse/ResponseMetadata/RequestId")
	sessionElements = elementSet(
		assumeResult+"/AssumedRoleUser/Arn", assumeResult+"/AssumedRoleUser/AssumedRoleId",
		assumeResult+"/Credentials/AccessKeyId", assumeResult+"/Credentials/SecretAccessKey",
		assumeResult+"/Credentials/SessionToken", assumeResult+"/Credentials/Expiration",
		assumeResult+"/PackedPolicySize", assumeResult+"/SourceIdentity",
		"AssumeRoleResponse/ResponseMetadata/RequestId")
)

// elementSet has the paths given, and those above them.
func elementSet(paths ...string) map[string]bool {
	set := map[string]bool{}
	for _, path := range paths {
		for path != "" {
			set[path] = true
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		}
	}
	return set
}

// isSession tells whether an answer has all three parts of a session's credentials.
func isSession(answer []byte) bool {
	texts, err := elements(answer, sessionElements)
	for _, part := range []string{"AccessKeyId", "SecretAccessKey", "SessionToken"} {
		if texts[assumeResult+"/Credentials/"+part] == "" {
			return false
		}
	}
	return err == nil
}

// errorCode is the code of an ErrorResponse, and nothing of anything else. What
// else stands in it AWS does not promise, and nothing depends on it.
func errorCode(answer []byte) string {
	texts, err := elements(answer, nil)
	if err != nil {
		return ""
	}
	return texts["ErrorResponse/Error/Code"]
}

// elements is the text of each element of an answer by its path. It takes one
// document of STS's namespace and nothing else, of the elements that are allowed.
// Without a list of these all are.
func elements(answer []byte, allowed map[string]bool) (map[string]string, error) {
	texts := map[string]string{}
	path := ""                                         // of the element that is open
	decoder := xml.NewDecoder(bytes.NewReader(answer)) // #nosec G709 -- token by token, 16 KiB at most
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errors.New("the answer of STS is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = strings.TrimPrefix(path+"/"+token.Name.Local, "/")
			_, doubled := texts[path]
			foreign := token.Name.Space != stsNamespace || allowed != nil && !allowed[path]
			if foreign || doubled {
				return nil, errors.New("the answer of STS is not the one document that it should be")
			}
			texts[path] = ""
		case xml.EndElement:
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		case xml.CharData:
			switch blank := len(bytes.TrimSpace(token)) == 0; {
			case path != "" && !(blank && texts[path] == ""): // indentation
				texts[path] += string(token)
			case !blank:
				return nil, errors.New("the answer of STS has text around its XML")
			}
		case xml.ProcInst:
			if len(texts) > 0 || token.Target != "xml" {
				return nil, errors.New("the answer of STS has an instruction in its XML")
			}
		default: // comments and directives split texts and declare entities
			return nil, errors.New("the answer of STS has more than elements in its XML")
		}
	}
	if len(texts) == 0 {
		return nil, errors.New("the answer of STS is empty")
	}
	return texts, nil
}
