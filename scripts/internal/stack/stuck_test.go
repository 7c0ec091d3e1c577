package stack

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
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
			s.deleteFunction()
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

// Without the function a dismissal goes back, and the access with it, which
// nobody may take for an end. What ends it then is one change of the role.
// (The emulator has no ContinueUpdateRollback, with which such a stack lives on.)
func TestADismissalThatWentBackEndsByHand(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	session, outputs := s.enter(), s.outputs
	s.deleteFunction()
	s.want(s.update(parameters{"Access": "dismissed"}), "UPDATE_ROLLBACK_FAILED")
	s.outputs = outputs
	s.wantIn()

	_, err := iam.NewFromConfig(s.config).DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{
		RoleName: aws.String(s.roleName()), PolicyArn: aws.String(securityAudit),
	})
	s.must(err)
	s.wantRefused("the open session's next call", s.lists(session))
	s.wantRefused("a new session's first call", s.lists(s.enter()))
}

func (s *stack) deleteFunction() {
	s.Helper()
	_, err := lambda.NewFromConfig(s.config).DeleteFunction(s.Context(), &lambda.DeleteFunctionInput{
		FunctionName: aws.String(s.made()["RegistrationFunction"]),
	})
	s.must(err)
}
