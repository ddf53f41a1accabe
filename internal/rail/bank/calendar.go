package bank

import (
	"fmt"
	"slices"
	"time"
)

// Calendar says on which day a bank executes what it is handed at a moment. A day is its midnight in UTC.
type Calendar struct {
	Zone     *time.Location // of the bank's clock; nil is UTC
	CutOff   time.Duration  // since midnight on that clock: what is handed over then or later is the next bank day's; 0: the whole day counts
	Weekend  []time.Weekday // the days of every week on which it is closed
	Target   bool           // closed on the days on which T2, the euro's settlement system, is closed beside weekends
	Holidays []time.Time    // further days on which it is closed
}

// ParseClock reads a time of day, "15:30", as what has passed since midnight. 24:00 is none.
func ParseClock(s string) (time.Duration, error) {
	at, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("want a time of day such as 15:30, not %q", s)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}

// BankDay says whether the bank works on a day.
func (c Calendar) BankDay(day time.Time) bool {
	if slices.Contains(c.Weekend, day.Weekday()) {
		return false
	}
	if c.Target && targetClosed(day) {
		return false
	}
	for _, holiday := range c.Holidays {
		if holiday.Equal(day) {
			return false
		}
	}
	return true
}

// Today is the day it is at the bank.
func (c Calendar) Today(now time.Time) time.Time {
	local := now.In(c.zone())
	return dayOf(local.Year(), local.Month(), local.Day())
}

// ExecutionDay is the first bank day on which the bank can execute what it is handed now. Where a calendar leaves no bank
// day within ten years, it is the day after them.
func (c Calendar) ExecutionDay(now time.Time) time.Time {
	day := c.Today(now)
	if c.CutOff > 0 && !now.Before(c.at(day, c.CutOff)) {
		day = day.AddDate(0, 0, 1)
	}
	for last := day.AddDate(10, 0, 0); !c.BankDay(day) && day.Before(last); {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// at is when the bank's clock shows a time on a day. Where the clock is put forward over that time it is when it was, and
// where it shows the time twice it is one of the two.
func (c Calendar) at(day time.Time, clock time.Duration) time.Time {
	minutes := int(clock / time.Minute)
	return time.Date(day.Year(), day.Month(), day.Day(), minutes/60, minutes%60, 0, 0, c.zone())
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

func dayOf(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// targetClosed says whether T2 is closed on a day for another reason than the weekend: on New Year's Day, Good Friday,
// Easter Monday, 1 May, 25 and 26 December. Source: European Central Bank, long-term calendar for TARGET closing days, in
// force since 2002 (press release of 14 December 2000).
func targetClosed(day time.Time) bool {
	switch month, d := day.Month(), day.Day(); {
	case month == time.January && d == 1, month == time.May && d == 1, month == time.December && (d == 25 || d == 26):
		return true
	}
	easter := easterSunday(day.Year())
	return day.Equal(easter.AddDate(0, 0, -2)) || day.Equal(easter.AddDate(0, 0, 1))
}

// easterSunday is Easter of the Gregorian calendar: the first Sunday after the first full moon, as the Church reckons
// it, on or after 21 March. The steps are those of Butcher's rule (J. Meeus, Astronomical Algorithms, chapter 8), which
// needs no exceptions.
func easterSunday(year int) time.Time {
	golden := year % 19
	century, inCentury := year/100, year%100
	leapCenturies, restCentury := century/4, century%4
	moonCorrection := (century - (century+8)/25 + 1) / 3
	epact := (19*golden + century - leapCenturies - moonCorrection + 15) % 30
	leapYears, restYear := inCentury/4, inCentury%4
	toSunday := (32 + 2*restCentury + 2*leapYears - epact - restYear) % 7
	shift := (golden + 11*epact + 22*toSunday) / 451
	days := epact + toSunday - 7*shift + 114
	return dayOf(year, time.Month(days/31), days%31+1)
}
