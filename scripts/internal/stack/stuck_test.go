package stack

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/doitintl/aws-ro-access/scripts/internal/awscli"
)

// Without the function nobody answers for Registration, and the stack is stuck
// on its way out. Each of these commands is a way out, after which nobody is in.
// (The emulator deletes all else at once. In AWS, what Registration depends on,
// SupportRole, may still be there until then. And that a policy of the stack's is
// attached elsewhere, which AWS does not delete then, the emulator does not mind.)
func TestAStuckDeleteHasAWayOut(t *testing.T) {
	t.Parallel()
	for name, wayOut := range map[string]string{
		"without Registration": "--retain-resources Registration",
		"by force":             "--deletion-mode FORCE_DELETE_STACK",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(parameters{"TicketId": openTicket})
			session, outputs := s.enter(), s.outputs
			_, err := lambda.NewFromConfig(s.config).DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{
				FunctionName: aws.String(s.made()["RegistrationFunction"]),
			})
			s.must(err)
			s.want(s.delete(), "DELETE_FAILED")

			command := "aws cloudformation delete-stack --region " + region + " --stack-name " + s.name + " " + wayOut
			_, said, err := awscli.Run(t, command, "AWS_ENDPOINT_URL="+cloud.URL,
				"AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY=local")
			if err != nil {
				t.Fatalf("%s\n%v: %s", command, err, said)
			}
			s.want(s.settled(), "DELETE_COMPLETE")
			s.outputs = outputs // where the role was
			s.wantEnded(session)
		})
	}
}
