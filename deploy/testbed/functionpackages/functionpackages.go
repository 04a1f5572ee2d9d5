// Package functionpackages has what the functions of 2017 require, as the npm registry
// has it: graphcool-lib and bcryptjs.
//
// In: nothing. Out: a node_modules folder on the disk (package npm). Only tests call it.
package functionpackages

import (
	_ "embed"
	"path/filepath"

	"icehouse/deploy/testbed/npm"
)

var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

// Install puts the packages on the disk and returns their node_modules folder.
func Install() (string, error) {
	folder, err := npm.Install("function-packages", map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock})
	return filepath.Join(folder, "node_modules"), err
}
