package screen

import (
	"math/rand/v2"
	"strings"
)

// A corpus of our own: parts that names are put together from, with how another script writes them where the test uses that.
var (
	slavicGiven = strings.Fields("Aleksandr=Александр Sergey=Сергей Dmitry=Дмитрий Andrey=Андрей Aleksey=Алексей Mikhail=Михаил Nikolay=Николай Vladimir=Владимир Yuri=Юрий Pavel=Павел " +
		"Konstantin=Константин Evgeny=Евгений Viktor=Виктор Grigory=Григорий Boris=Борис Maksim=Максим Ruslan=Руслан Timur=Тимур Valentin=Валентин Arkady=Аркадий Stanislav=Станислав Gleb=Глеб Bogdan=Богдан Taras=Тарас")
	slavicFathers = strings.Fields("Ivanovich=Иванович Petrovich=Петрович Sergeevich=Сергеевич Nikolaevich=Николаевич Andreevich=Андреевич Viktorovich=Викторович Borisovich=Борисович Pavlovich=Павлович Mikhailovich=Михайлович")
	slavicRoots   = strings.Fields("Petr=Петр Kuzn=Кузн Sokol=Сокол Voron=Ворон Gromov=Громов Zaits=Зайц Medved=Медвед Korol=Корол Baran=Баран Shishk=Шишк Zhuravl=Журавл Chernysh=Черныш Lebed=Лебед Orlovsk=Орловск Kharlam=Харлам Tolmach=Толмач " +
		"Rybak=Рыбак Fomin=Фомин Belous=Белоус Drozd=Дрозд Prokhor=Прохор Savel=Савел Trofim=Трофим Ermak=Ермак Goncharenk=Гончаренк Karpush=Карпуш Nazar=Назар Polyak=Поляк Suvor=Сувор Ushak=Ушак")
	slavicEnds = strings.Fields("ov=ов enko=енко ev=ев in=ин sky=ский uk=ук")

	greekGiven = strings.Fields("Georgios=Γεώργιος Dimitrios=Δημήτριος Nikolaos=Νικόλαος Stavros=Σταύρος Panagiotis=Παναγιώτης Theodoros=Θεόδωρος Apostolos=Απόστολος Leonidas=Λεωνίδας Spyridon=Σπυρίδων Anastasios=Αναστάσιος")
	greekRoots = strings.Fields("Papad=Παπαδ Kalog=Καλογ Stavr=Σταυρ Theodor=Θεοδωρ Karam=Καραμ Mavr=Μαυρ Dram=Δραμ Lamb=Λαμπ Vasil=Βασιλ Konstant=Κωνσταντ Alex=Αλεξ Petr=Πετρ")
	greekEnds  = strings.Fields("opoulos=όπουλος idis=ίδης akis=άκης eas=έας")

	arabicGiven = strings.Fields("Mohammed=محمد Ahmed=أحمد Hassan=حسن Hussein=حسين Khaled=خالد Mahmoud=محمود Mustafa=مصطفى Ibrahim=إبراهيم Abdulrahman=عبدالرحمن Tariq=طارق Faisal=فيصل Nasser=ناصر Sultan=سلطان Hamid=حامد Jamal=جمال Karim=كريم Rashid=رشيد Samir=سمير Walid=وليد Ziad=زياد Marwan=مروان Bilal=بلال")
	arabicFrom  = strings.Fields("Zawahiri=الظواهري Baghdadi=البغدادي Masri=المصري Qahtani=القحطاني Shammari=الشمري Harbi=الحربي Dosari=الدوسري Tikriti=التكريتي Kurdi=الكردي Maghribi=المغربي Ansari=الأنصاري Hashimi=الهاشمي Rubaie=الربيعي Jaburi=الجبوري Saadi=السعدي Khalidi=الخالدي Mutairi=المطيري Ghamdi=الغامدي Zahrani=الزهراني Otaibi=العتيبي Shahrani=الشهراني Bakri=البكري Barghouti=البرغوثي")

	latinGiven = strings.Fields("José María Andrés Lucía Sebastián Ramón Inés Tomás Joaquín Beatriz Fernando Gustavo Rosario Esteban Mateo Julián Valeria Camila Hernán Óscar João Thiago François Hélène René Jürgen Björn Søren Åsa Łukasz Małgorzata Zoë Ümit Çağlar Şebnem")
	latinRoots = strings.Fields("Gonz Rodr Fern Hern Mart Ram Álv Domín Jimén Núñ Velásqu Góm Vázqu Gutiérr Sánch Mén Or Yáñ Ib Benít")
	latinEnds  = strings.Fields("ález ígu-ez ánd-ez ón ero ano illo ares ola ueta arri osa")

	firmWords = strings.Fields("Aero Nova Delta Horizon Caspian Silver Falcon Orion Zenith Meridian Atlas Vostok Sever Granit Kristall Almaz Tigris Cedar Phoenix Ararat Levant Danube Amber Cobalt Saffron Juniper Trident Mistral Bora Sirocco")
	firmKinds = strings.Fields("Trading Shipping Petroleum Electronics Holding Logistics Aviation Metals Chemicals Agro Textiles Systems")
	firmForms = strings.Fields("LLC Ltd GmbH S.A. JSC FZE Co.")
)

// made is a name with how another script writes it; "" where the corpus has none.
type made struct {
	name, other string
	kind        Kind
}

func part(r *rand.Rand, list []string) (name, other string) {
	entry := list[r.IntN(len(list))]
	for i := range len(entry) {
		if entry[i] == '=' {
			return entry[:i], entry[i+1:]
		}
	}
	return strings.ReplaceAll(entry, "-", ""), ""
}

// madeUp is a name of the corpus; the same numbers give the same name.
func madeUp(r *rand.Rand) made {
	given := func(a, b []string, gap string) (string, string) {
		x, xo := part(r, a)
		y, yo := part(r, b)
		return x + gap + y, xo + gap + yo
	}
	switch r.IntN(5) {
	case 0:
		g, go_ := given(slavicGiven, slavicFathers, " ")
		f, fo := given(slavicRoots, slavicEnds, "")
		return made{g + " " + f, go_ + " " + fo, Individual}
	case 1:
		g, go_ := part(r, greekGiven)
		f, fo := given(greekRoots, greekEnds, "")
		return made{g + " " + f, go_ + " " + fo, Individual}
	case 2:
		g, go_ := given(arabicGiven, arabicGiven, " ")
		f, fo := part(r, arabicFrom)
		return made{g + " al-" + f, go_ + " " + fo, Individual}
	case 3:
		g, _ := part(r, latinGiven)
		f, _ := given(latinRoots, latinEnds, "")
		m, _ := given(latinRoots, latinEnds, "")
		return made{g + " " + f + " " + m, "", Individual}
	}
	a, b := firmWords[r.IntN(len(firmWords))], firmWords[r.IntN(len(firmWords))]
	return made{a + " " + b + " " + firmKinds[r.IntN(len(firmKinds))] + " " + firmForms[r.IntN(len(firmForms))], "", Entity}
}

// people of the corpus who are not on the list: other parts, of other languages.
var (
	otherGiven = strings.Fields("Emma Liam Olivia Noah Ava William Sophia James Charlotte Benjamin Amelia Lucas Mia Henry Harper Theodore Evelyn Jack Abigail Levi Emily Daniel Ella Owen Scarlett Wyatt Grace Chloe Carter Lily Jayden Aria Luke Zoey Haruto Yui Sota Aoi Ren Hina Wei Fang Jun Min Seo Jisoo Kwame Ama Kofi Abena Chidi Ngozi Tunde Priya Arjun Ananya Rohan Kavya Vikram Meera Giulia Lorenzo Chiara Matteo Freya Lars Ingrid Anders Pieter Sanne Bram Femke")
	otherRoots = strings.Fields("Ander Thomp Wil John Ash Black Whit Hart Lang Brad Clay Ham Win Stan Pem Thorn Wood Green Fair Nor Suther Hether Cald Bram Kirk Nakam Yamag Tanak Fujim Okaf Adey Mens Boat Shar Chakra Mukher Ross Bian Ferr Lind Berg Haug Vis Jans Bakk")
	otherEnds  = strings.Fields("son ford ley ton wood field ham worth man well bury ridge ura uchi or emi ah eng ma varti jee ini chi etti qvist strand land ser er")
)

func stranger(r *rand.Rand) string {
	g, _ := part(r, otherGiven)
	m, _ := part(r, otherGiven)
	root, _ := part(r, otherRoots)
	end, _ := part(r, otherEnds)
	if r.IntN(2) == 0 {
		return g + " " + root + end
	}
	return g + " " + m + " " + root + end
}
