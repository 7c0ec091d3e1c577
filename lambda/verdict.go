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

// kind reads the event's meaning out of it.
func (ev event) kind() kind {
	id, role, oldRole := ev.text("PhysicalResourceId"), ev.given.text("RoleArn"), ev.old.text("RoleArn")
	switch requestType := ev.text("RequestType"); {
	case requestType == "Create":
		return grants
	case requestType == "Delete":
		return deletes
	case requestType != "Update":
		return unknown
	case ev.given.text("Access") == dismissed:
		return dismisses
	case role == id && role != oldRole && !ev.old.absent("RoleArn"): // CloudFormation gives no other sign of it
		return rollsBack
	case ev.old.text("Access") == dismissed:
		return grants
	case role == id, role == oldRole:
		return keeps
	}
	return grants
}

// opensAccess tells whether somebody could come in who cannot now. A replacement only moves the door.
func (ev event) opensAccess() bool {
	return ev.kind() == grants && (ev.text("RequestType") == "Create" || ev.old.text("Access") == dismissed)
}

// verdict is what went wrong, if anything did, and whether CloudFormation is told so. Otherwise the log alone is.
type verdict struct {
	trouble error
	fails   bool
}

// judge lets an event fail, unless it survives the trouble.
func judge(trouble error, survives bool) verdict {
	return verdict{trouble, trouble != nil && !survives}
}
