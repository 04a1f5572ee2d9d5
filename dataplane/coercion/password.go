package coercion

import (
	"regexp"

	"golang.org/x/crypto/bcrypt"
)

// HashPassword is what is stored of a Password (data-api §1.4). Of its bytes the
// algorithm looks at 72.
func HashPassword(text string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(text)[:min(len(text), 72)], 10)
	return string(hash), err
}

var passwordHash = regexp.MustCompile(`^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$`)

// IsPasswordHash says that a text is what HashPassword, or another bcrypt, made.
func IsPasswordHash(text string) bool { return passwordHash.MatchString(text) }
