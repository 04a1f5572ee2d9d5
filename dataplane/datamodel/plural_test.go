package datamodel

import "testing"

func TestPlural(t *testing.T) {
	for word, want := range map[string]string{
		// the samples of data-api §2.3
		"Post": "Posts", "Category": "Categories", "Todo": "Todoes", "Hobby": "Hobbies", "News": "News",
		"Series": "Series", "Settings": "Settingses", "Data": "Datas", "Datum": "Data", "Status": "Statuses",
		"Address": "Addresses", "Analysis": "Analyses", "Index": "Indexes", "Person": "Persons", "Child": "Children",
		"Man": "Men", "Woman": "Women", "Human": "Humans", "Photo": "Photos", "Video": "Videos", "Hero": "Heroes",
		"Logo": "Logoes", "Info": "Infoes", "Quiz": "Quizzes", "Leaf": "Leaves", "Shelf": "Shelves", "Roof": "Roofs",
		"Curriculum": "Curricula", "Persona": "Personae", "Metadata": "Metadatas", "Bus": "Buses",
		"Homeland": "Homeland", "Money": "Moneys", "Schema": "Schemas", "FAQ": "FAQs",
		// one or more of each rule, by number
		"Starfish": "Starfish", "UserSeries": "UserSeries", // 1
		"Stepchild": "Stepchildren", "Genus": "Genera", "Cow": "Cows", "Octopus": "Octopuses", "Magnumopus": "Magnumopuses", // 2
		"Superhuman": "Superhumans", // 3
		"German":     "Germen", "Mouse": "Mice", "Louse": "Lice", "Tooth": "Teeth", "Goose": "Geese", "Foot": "Feet",
		"Protozoon": "Protozoa", "Crisis": "Crises", "Axis": "Axes", "Mongoose": "Mongoose", // 4, 2
		"Codex": "Codices", "Matrix": "Matrixes", "Radix": "Radices", // 5, 10
		"Stratum": "Strata", "Album": "Albums", // 6, 20
		"Criterion": "Criteria", "Alga": "Algae", "Stimulus": "Stimuli", // 7, 8, 9
		"Match": "Matches", "Dish": "Dishes", "Buzz": "Buzzes", "Box": "Boxes", // 10
		"Lens": "Lenses", "Atlas": "Atlases", "Iris": "Irises", "Campus": "Campuses", // 11
		"Drama": "Dramas", "Class": "Classes", // 12, 13
		"Calf": "Calves", "Wolf": "Wolves", "Scarf": "Scarves", "Knife": "Knives", "Wife": "Wives", "Life": "Lives",
		"Deaf": "Deafs", "Cafe": "Cafes", "Belief": "Beliefs", "Eaf": "Eafs", // 14
		"Day": "Days", "Key": "Keys", "Company": "Companies", "Guy": "Guys", "Y": "Ies", // 15
		"Casino": "Casinos", "Pro": "Pros", "Radio": "Radios", "Potato": "Potatoes", "Echo": "Echoes", // 16, 17
		"CurriculumVitae": "CurriculaVitae", "Ulumulum": "Ulaulum", // 18
		"Canvas": "Canvases", "Lotus": "Lotuses", "Alias": "Aliases", "Process": "Processes", "Boss": "Bosses",
		"Tennis": "Tennises", // 19
		"User":   "Users", "Api": "Apis", "post": "Posts", "A": "As", "": "", "Ünit": "Ünits",
	} {
		if got := Plural(word); got != want {
			t.Errorf("Plural(%q) = %q, want %q", word, got, want)
		}
	}
}
