package bank

import (
	"testing"
	"time"
)

var weekend = []time.Weekday{time.Saturday, time.Sunday}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// The dates are those of the ECB's published lists of closing days and of the tables of the United States Naval
// Observatory; 1818 and 2285 are the earliest Easter there is, 1943 and 2038 the latest.
func TestEaster(t *testing.T) {
	for year, want := range map[int]string{
		1818: "03-22", 1943: "04-25", 1954: "04-18", 1981: "04-19", 2000: "04-23", 2008: "03-23", 2011: "04-24", 2019: "04-21", 2024: "03-31", 2025: "04-20",
		2026: "04-05", 2027: "03-28", 2028: "04-16", 2030: "04-21", 2038: "04-25", 2049: "04-18", 2076: "04-19", 2285: "03-22",
	} {
		got := easterSunday(year)
		if got.Format("01-02") != want || got.Weekday() != time.Sunday {
			t.Errorf("Easter of %d is %s, want %s", year, got.Format("01-02 Mon"), want)
		}
	}
}

func TestExecutionDay(t *testing.T) {
	berlin, santiago, auckland := zone(t, "Europe/Berlin"), zone(t, "America/Santiago"), zone(t, "Pacific/Auckland")
	at := func(loc *time.Location, s string) time.Time {
		got, err := time.ParseInLocation("2006-01-02 15:04:05", s, loc)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	chile := []time.Time{dayOf(2026, time.September, 18), dayOf(2026, time.September, 19)}
	afternoon := 15*time.Hour + 30*time.Minute
	for _, test := range []struct {
		name string
		c    Calendar
		now  time.Time
		want string
	}{
		{"before the cut-off", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-18 15:29:59"), "2026-11-18"},
		{"at the cut-off", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-18 15:30:00"), "2026-11-19"},
		{"no cut-off", Calendar{Weekend: weekend, Zone: berlin}, at(berlin, "2026-11-18 23:59:59"), "2026-11-18"},
		{"no zone is UTC", Calendar{Weekend: weekend, CutOff: afternoon}, at(time.UTC, "2026-11-18 15:30:00"), "2026-11-19"},
		{"the bank's day, not ours", Calendar{Weekend: weekend, Zone: auckland, CutOff: afternoon}, at(time.UTC, "2026-11-17 23:00:00"), "2026-11-18"},
		{"Friday after the cut-off", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-20 16:00:00"), "2026-11-23"},
		{"Friday before it", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-20 10:00:00"), "2026-11-20"},
		{"on a Saturday, however late", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-21 23:00:00"), "2026-11-23"},
		{"on a Sunday after the cut-off", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-22 16:00:00"), "2026-11-23"},
		{"a bank that works on weekends", Calendar{Zone: berlin, CutOff: afternoon}, at(berlin, "2026-11-20 16:00:00"), "2026-11-21"},
		{"Easter: Thursday after the cut-off", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon, Target: true}, at(berlin, "2026-04-02 16:00:00"), "2026-04-07"},
		{"without the euro's days it is Good Friday", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon}, at(berlin, "2026-04-02 16:00:00"), "2026-04-03"},
		{"Christmas of 2026 runs into a weekend", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon, Target: true}, at(berlin, "2026-12-24 16:00:00"), "2026-12-28"},
		{"the turn of a year", Calendar{Weekend: weekend, Zone: berlin, CutOff: afternoon, Target: true}, at(berlin, "2026-12-31 16:00:00"), "2027-01-04"},
		{"1 May", Calendar{Weekend: weekend, Zone: berlin, Target: true}, at(berlin, "2026-05-01 09:00:00"), "2026-05-04"},
		{"holidays of the config before a Sunday", Calendar{Weekend: weekend, Zone: santiago, CutOff: 14 * time.Hour, Holidays: chile}, at(santiago, "2026-09-17 14:00:00"), "2026-09-21"},
		// The clock of Berlin goes from 02:00 to 03:00 on 29 March and shows 02:00 to 03:00 twice on 25 October 2026.
		{"a cut-off that the clock leaves out, before", Calendar{Zone: berlin, CutOff: 150 * time.Minute}, at(time.UTC, "2026-03-29 00:29:00"), "2026-03-29"},
		{"a cut-off that the clock leaves out, after", Calendar{Zone: berlin, CutOff: 150 * time.Minute}, at(time.UTC, "2026-03-29 01:31:00"), "2026-03-30"},
		{"a cut-off that comes twice, before both", Calendar{Zone: berlin, CutOff: 150 * time.Minute}, at(time.UTC, "2026-10-25 00:29:00"), "2026-10-25"},
		{"a cut-off that comes twice, after both", Calendar{Zone: berlin, CutOff: 150 * time.Minute}, at(time.UTC, "2026-10-25 01:31:00"), "2026-10-26"},
		{"the afternoon of the short day", Calendar{Zone: berlin, CutOff: afternoon}, at(time.UTC, "2026-03-29 13:29:00"), "2026-03-29"},
		{"the afternoon of the long day", Calendar{Zone: berlin, CutOff: afternoon}, at(time.UTC, "2026-10-25 14:29:00"), "2026-10-25"},
	} {
		if got := test.c.ExecutionDay(test.now).Format(time.DateOnly); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// While time goes on the day never goes back, and every day there is is a bank day.
func TestExecutionDayGoesForward(t *testing.T) {
	c := Calendar{Weekend: weekend, Zone: zone(t, "Europe/Berlin"), CutOff: 150 * time.Minute, Target: true}
	var last time.Time
	for now := dayOf(2026, time.January, 1); now.Year() == 2026; now = now.Add(7 * time.Minute) {
		day := c.ExecutionDay(now)
		if day.Before(last) || !c.BankDay(day) {
			t.Fatalf("at %s: %s after %s", now, day, last)
		}
		last = day
	}
}

func TestParseClock(t *testing.T) {
	if got, err := ParseClock("15:30"); got != 15*time.Hour+30*time.Minute || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	for _, s := range []string{"", "24:00", "3pm", "15:60", "15:30:00", "-1:00"} {
		if got, err := ParseClock(s); err == nil {
			t.Errorf("%q is %s", s, got)
		}
	}
}
