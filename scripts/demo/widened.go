package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const somebodyAttaches = "Somebody attaches AdministratorAccess to the role"

// widened attaches AdministratorAccess to SupportRole, with the boundary that
// the template gives it and without.
func (g *grant) widened(ctx context.Context) error {
	g.act(somebodyAttaches)
	client, role := iam.NewFromConfig(g.customer), g.made["SupportRole"]
	administrator := "arn:aws:iam::aws:policy/AdministratorAccess"
	makesUser := func() error {
		mallory := &iam.CreateUserInput{UserName: aws.String("mallory")}
		return second(iam.NewFromConfig(g.session).CreateUser(ctx, mallory))
	}
	_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &administrator})
	if err != nil {
		return fmt.Errorf("attach a policy to SupportRole: %w", err)
	}
	g.says(customer, "attaches it, and takes the role's boundary off (the emulator's CloudFormation has dropped it "+
		"already; AWS's sets it)")
	if err := makesUser(); err != nil {
		g.check(doit, false, "makes a user: "+err.Error(), "")
	} else {
		g.check(doit, true, "makes a user, or what follows would show nothing", "made")
		if _, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("mallory")}); err != nil {
			return fmt.Errorf("delete the user that was made: %w", err)
		}
	}
	_, err = client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
		RoleName: &role, PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/SecurityAudit"),
	})
	if err != nil {
		return fmt.Errorf("give SupportRole its boundary: %w", err)
	}
	g.says(customer, "puts the boundary back: SecurityAudit, as in the template")
	g.refused(doit, "may not make a user", makesUser())
	_, err = client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &administrator})
	if err != nil {
		return fmt.Errorf("detach the policy from SupportRole: %w", err)
	}
	g.says(customer, "detaches AdministratorAccess")
	return nil
}
