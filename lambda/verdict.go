package main

// kind is what an event means for the customer's access.
type kind int

const (
	unknown   kind = iota // no RequestType of CloudFormation's
	grants                // a Create; an Update to another role, or of a dismissed one to approved
	keeps                 // an Update of the role that is registered
	rollsBack             // an Update that takes a replacement back
	dismisses             // an Update to dismissed
	deletes               // a Delete
)

// rule says which trouble an event of a kind survives: CloudFormation is told SUCCESS, and the log has a warning.
type rule struct {
	invalid bool // properties that are not valid
	late    bool // nobody waits any more: it is posted all the same
	untold  bool // the endpoint could not be told
	refused bool // the endpoint said no
}

// rules are the design's table. Ending access never waits for DoiT: a failed dismissal would be rolled back and hand
// the access out again. A failed rollback would leave the stack in UPDATE_ROLLBACK_FAILED. And an approval of which
// DoiT does not hear must not look like one.
var rules = map[kind]rule{
	unknown:   {},
	grants:    {},
	keeps:     {untold: true},
	rollsBack: {untold: true, refused: true},
	dismisses: {untold: true, refused: true, late: true, invalid: true},
	deletes:   {untold: true, refused: true, late: true, invalid: true},
}

func (k kind) endsAccess() bool { return k == dismisses || k == deletes }

// kind reads the event's meaning out of it.
func (ev event) kind() kind {
	switch ev.text("RequestType") {
	case "Create":
		return grants
	case "Update":
		return ev.kindOfUpdate()
	case "Delete":
		return deletes
	}
	return unknown
}

func (ev event) kindOfUpdate() kind {
	id, role, oldRole := ev.text("PhysicalResourceId"), ev.given.text("RoleArn"), ev.old.text("RoleArn")
	switch {
	case ev.given.text("Access") == dismissed:
		return dismisses
	case role == id && oldRole != "" && oldRole != role: // CloudFormation has no other sign of a rollback
		return rollsBack
	case ev.old.text("Access") == dismissed:
		return grants
	case role == id, role == oldRole:
		return keeps
	}
	return grants
}

// verdict is how an event went: well, or with a failure or a warning.
type verdict struct {
	failure error // which CloudFormation is told
	warning error // which only the log has
}

// judge makes of trouble, if there is any, a failure, or a warning where the event survives it.
func judge(trouble error, survived bool) verdict {
	if survived {
		return verdict{warning: trouble}
	}
	return verdict{failure: trouble}
}
