package problem

// The numbers of errors that this room can answer, in their order. Clients know them: a
// number keeps its meaning, and its text can change. A new error gets its number here
// and is made where the fact is known. What is wrong with the text of a data model has
// its number from package datamodel.
const (
	// platform §11.2.

	CodeTooLong = 1000 // a request took too long

	// platform §11.3: what a user did wrong.

	CodeNoToken            = 2000 // no token with that id
	CodeNoSession          = 2001 // nobody is signed in
	CodeModelNameTaken     = 2002 // another model has that name
	CodeProjectNameTaken   = 2003 // another project has that name
	CodeListFlag           = 2004 // a field becomes a list, or one no more, without a migration value
	CodeWrongPassword      = 2005 // wrong password
	CodeWrongCode          = 2006 // wrong code from a mail
	CodeValueMissing       = 2007 // a required field without a migration value
	CodeInvalidName        = 2008 // invalid name
	CodeFieldNameTaken     = 2009 // another field has that name
	CodeEnumEmpty          = 2010 // an enum without values
	CodeInvalidValue       = 2011 // a value that its scalar type does not have
	CodeLoginFailed        = 2013 // nobody has this address and password
	CodeRelationHasEdges   = 2014 // a relation with edges is to connect other models
	CodeNotFound           = 2015 // not found, in words
	CodeSelfRelation       = 2016 // a self relation with one field and two cardinalities
	CodeEmailTaken         = 2017 // another account has that e-mail address
	CodeCannotEnable       = 2018 // an integration can't be enabled
	CodeRelationNameTaken  = 2020 // another relation has that name
	CodeEnumValueStored    = 2021 // nodes have an enum value that goes
	CodeEnumListStored     = 2022 // an enum value goes, and a list of the enum has nodes
	CodeCallbackInput      = 2023 // the input for a callback does not fit
	CodeDuplicates         = 2024 // values that are there twice can't be unique
	CodeNoSearch           = 2027 // no search integration
	CodeManyEdges          = 2031 // nodes have several edges of a relation that is to have one
	CodeAliasInvalid       = 2033 // invalid project alias
	CodeAliasTaken         = 2034 // another project has that alias
	CodeAliasIsID          = 2035 // the alias is a project's id
	CodeNoUser             = 2036 // who is invited is no user
	CodeMemberHasName      = 2037 // who is invited has a project of that name
	CodePayment            = 2038 // the payment provider refuses
	CodeDefinition         = 2040 // the schema or definition is invalid
	CodeListRequired       = 2043 // a list relation can't be required
	CodeEnumUsed           = 2044 // a field has the enum
	CodeEnumMissing        = 2045 // an enum field without an enum
	CodePartnerMissing     = 2047 // nodes lack a partner that becomes required
	CodeSubscriptionQuery  = 2048 // invalid subscription query
	CodeMigrationValueForm = 2049 // an enum's migration value is a list where none may be, or none where one must be
	CodeSystemModelRenamed = 2050 // a system model can't be renamed
	CodeTypeChanged        = 2051 // a field's type changes without a migration value
	CodeRequiredRelation   = 2052 // nodes lack a partner in a new required relation
	CodeResolverSchema     = 2053 // invalid schema of a resolver
	CodeFunctionNameTaken  = 2054 // another function has that name
	CodeSecondHook         = 2055 // a second hook for the same model, operation and step
	CodeFunctionURL        = 2056 // invalid URL of a function
	CodePermissionQuery    = 2058 // invalid permission query
	CodeRootTokenNameTaken = 2059 // another root token has that name
	CodeFunctionName       = 2060 // invalid name of a function
	CodeCannotEject        = 2061 // the project can't be ejected
	CodeSchemaFileTwice    = 2064 // two resolvers have the same schema file
	CodePayloadName        = 2065 // a resolver's payload can't have that name
	CodePermission         = 2066 // a permission's query or operation can't be used

	// platform §11.5, data-api §10.2.

	CodeArgument      = 3000 // an argument can't be used
	CodeNotUnique     = 3010 // a unique field would have the same value twice
	CodeFirstNegative = 3026 // first is negative
	CodeLastNegative  = 3027 // last is negative

	// platform §11.4: what is not there, or can't be done to it.

	CodeNoProject            = 4000 // no such project, or not the caller's
	CodeNoModel              = 4001 // no such model
	CodeNoAuthProvider       = 4002 // no such auth provider
	CodeNoField              = 4003 // no such field
	CodeNoModelPermission    = 4005 // no such permission of a model
	CodeNoSearchQuery        = 4007 // no such search query
	CodeAccountState         = 4008 // the account's state does not allow it
	CodeNoAction             = 4009 // no such action
	CodeFieldNotInModel      = 4014 // the model does not have that field
	CodeSystemFieldChanged   = 4016 // a system field can't be changed
	CodeSystemFieldRemoved   = 4017 // a system field can't be removed
	CodeSystemModelRemoved   = 4018 // a system model can't be removed
	CodeNoScalar             = 4020 // not a scalar, or not a relation
	CodeWrongSecret          = 4021 // wrong secret
	CodeNoRelation           = 4022 // no such relation
	CodeNoAccount            = 4023 // no such account
	CodeRelationFieldRemoved = 4025 // a relation's field can't be removed alone
	CodeNoSeat               = 4027 // no seat with that e-mail address
	CodeTokenNotValid        = 4028 // the token is not valid for the project
	CodeNoProjectNamed       = 4033 // no project with that name
	CodeNoRelationPermission = 4034 // no such permission of a relation
	CodeNoEnum               = 4037 // no such enum
	CodeNoFunction           = 4038 // no such function
	CodeNoPackage            = 4039 // no package with that name
	CodeNoConstraint         = 4041 // no such constraint
	CodeConstraint           = 4043 // the constraint does not fit the field
	CodeHookOperation        = 4047 // a hook's operation is invalid
	CodeFunctionType         = 4048 // a function's type is unknown
	CodeFunctionHeaders      = 4049 // a function's headers are no map of texts
	CodeOwnerOnly            = 4052 // only the owner may
	CodeNotJoined            = 4053 // who is to own the project has not joined it
	CodeIsOwner              = 4054 // who is to own the project does already
)
