package datamodel

import "strings"

// Plural is the plural of a type name as it appears in all<Plural> (data-api
// §2.3): the first rule that fits the end of the word wins, case ignored.
func Plural(name string) string {
	if name == "" {
		return ""
	}
	lower := strings.ToLower(name)
	if len(lower) != len(name) { // type names are ASCII; others have no rules
		return name + "s"
	}
	plural := name + "s" // rule 20
	for _, rule := range pluralRules {
		if result, ok := rule(name, lower); ok {
			plural = result
			break
		}
	}
	if first := plural[0]; first >= 'a' && first <= 'z' {
		plural = string(first-'a'+'A') + plural[1:]
	}
	return plural
}

// pluralRule gives the plural of a word if the rule fits it. lower is the word in
// lower case.
type pluralRule func(word, lower string) (string, bool)

// The rules 1 to 19 of data-api §2.3, in their order.
var pluralRules = []pluralRule{
	/* 1 */ ending(cut(0), "", `fish ois sheep deer pox itis bison flounder pliers bream gallows proceedings
		breeches graffiti rabies britches headquarters salmon carp herpes scissors chassis high-jinks sea-bass
		clippers homework series cod innings shears contretemps jackanapes species corps mackerel swine debris
		measles trout diabetes mews tuna djinn mumps whiting eland news wildebeest elk pincers sugar`),
	/* 2 */ irregular(`child children ephemeris ephemerides mongoose mongoose mythos mythoi soliloquy soliloquies
		trilby trilbys genus genera quiz quizzes beef beefs brother brothers cow cows genie genies money moneys
		octopus octopuses opus opuses`),
	/* 3 */ ending(cut(0), "s", `human`),
	/* 4 */ irregular(`man men louse lice mouse mice tooth teeth goose geese foot feet zoon zoa cis ces sis ses xis xes`),
	/* 5 */ ending(cut(2), "ices", `codex murex silex radix helix`),
	/* 6 */ ending(cut(2), "a", `bacterium agendum desideratum erratum stratum datum ovum extremum candelabrum`),
	/* 7 */ ending(cut(2), "a", `criterion perihelion aphelion phenomenon prolegomenon noumenon organon asyndeton hyperbaton`),
	/* 8 */ ending(cut(1), "ae", `alumna alga vertebra persona`),
	/* 9 */ ending(cut(2), "i", `alumnus alveolus bacillus bronchus locus nucleus stimulus meniscus thesaurus`),
	/* 10 */ ending(cut(0), "es", `ch sh z x`),
	/* 11 */ ending(cut(0), "es", `acropolis chaos lens aegis cosmos mantis alias dais marquis asbestos digitalis
		metropolis atlas epidermis pathos bathos ethos pelvis bias gas polis caddis glottis rhinoceros cannabis
		sassafras canvas ibis trellis iris clitoris apparatus impetus prospectus cantus nexus sinus coitus plexus
		status hiatus us`),
	/* 12 */ ending(cut(0), "s", `anathema enema oedema bema enigma sarcoma carcinoma gumma schema charisma lemma
		soma diploma lymphoma stigma dogma magma stoma drama melisma trauma edema miasma`),
	/* 13 */ ending(cut(0), "es", `ss`),
	/* 14 */ ending(cut(1), "ves", `alf elf olf`), leaf, ending(cut(1), "ves", `arf`), ending(cut(2), "ves", `nife life wife`),
	/* 15 */ ending(cut(0), "s", `ay ey iy oy uy`), ending(cut(1), "ies", `y`),
	/* 16 */ ending(cut(0), "s", `solo soprano basso alto contralto tempo piano virtuoso albino archipelago
		armadillo commando crescendo fiasco ditto dynamo embryo ghetto guano inferno jumbo lumbago magneto
		manifesto medico octavo photo pro quarto canto lingo generalissimo stylo rhino casino auto macro zero`),
	/* 17 */ ending(cut(0), "s", `ao eo io oo uo`), ending(cut(0), "es", `o`),
	/* 18 */ ulum,
	/* 19 */ ending(cut(0), "es", `s`),
}

// cut is the number of letters at the end of the word that a suffix replaces.
type cut int

// ending replaces the last letters of words that end in one of the given ways.
func ending(replaced cut, suffix, endings string) pluralRule {
	list := strings.Fields(endings)
	return func(word, lower string) (string, bool) {
		for _, end := range list {
			if strings.HasSuffix(lower, end) {
				return word[:len(word)-int(replaced)] + suffix, true
			}
		}
		return "", false
	}
}

// irregular replaces whole endings, given as pairs; the first letter keeps its
// case.
func irregular(pairs string) pluralRule {
	list := strings.Fields(pairs)
	return func(word, lower string) (string, bool) {
		for i := 0; i < len(list); i += 2 {
			if strings.HasSuffix(lower, list[i]) {
				return word[:len(word)-len(list[i])+1] + list[i+1][1:], true
			}
		}
		return "", false
	}
}

// leaf is the part of rule 14 with a condition: eaf, but not deaf.
func leaf(word, lower string) (string, bool) {
	before, ok := strings.CutSuffix(lower, "eaf")
	if !ok || before == "" || strings.HasSuffix(before, "d") {
		return "", false
	}
	return word[:len(word)-1] + "ves", true
}

// ulum is rule 18, which looks inside the word.
func ulum(word, lower string) (string, bool) {
	at := strings.Index(lower, "ulum")
	if at < 0 {
		return "", false
	}
	return word[:at] + "ula" + word[at+len("ulum"):], true
}
