package problem

// NoModel is 4001.
func NoModel(id string) error { return New(CodeNoModel, "No model with id '%s'", id) }

// NoField is 4003.
func NoField(id string) error { return New(CodeNoField, "No field with id '%s'", id) }

// NoModelPermission is 4005.
func NoModelPermission(id string) error {
	return New(CodeNoModelPermission, "No permission with id '%s'", id)
}

// NoRelation is 4022.
func NoRelation(id string) error { return New(CodeNoRelation, "No relation with id '%s'", id) }

// NoProjectNamed is 4033.
func NoProjectNamed(name string) error {
	return New(CodeNoProjectNamed, "No project with name '%s'", name)
}

// NoRelationPermission is 4034.
func NoRelationPermission(id string) error {
	return New(CodeNoRelationPermission, "No relation permission with id '%s'", id)
}

// NoEnum is 4037.
func NoEnum(id string) error { return New(CodeNoEnum, "No enum with id '%s'", id) }

// NoFunction is 4038.
func NoFunction(id string) error { return New(CodeNoFunction, "No function with id '%s'", id) }
