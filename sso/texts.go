package sso

import "lockstep"

// wrongPassword is the code of package upstream for a name or password that is wrong.
const wrongPassword lockstep.Code = "idp.credentials"

// texts are what the pages say, in English and German.
var texts = map[string]map[string]string{
	"en": {
		"signIn": "Sign in", "toGoOn": "to go on to", "name": "User name or e-mail address", "password": "Password", "or": "or", "with": "Sign in with",
		"next": "Next", "email": "E-mail address", "goOn": "Continue", "goingOn": "You are sent on.", "again": "Try again", "back": "Choose another way to sign in",
		"failed": "You were not signed in", "reference": "Reference", "referenceHelp": "Give this reference to your administrator: with it they find out what happened.",
		"you": "This is for you to do.", "provider": "The identity provider has to be looked after; you can do nothing about it.", "ours": "An administrator has to set this right.",
		"out": "You are signed out", "outHelp": "You can close this window.", "askOut": "Sign out?", "askOutHelp": "You will be signed out here and in the applications that you came to from here.", "yes": "Sign out",
		"tested": "Test sign-in", "testOK": "The identity provider works. Nobody was signed in.", "testWho": "Person in the directory", "testFail": "The test sign-in failed", "claim": "Claim", "value": "Value", "close": "You can close this window and go back to the console.",
		"stages": "What happened", "lastUsed": "used last",
	},
	"de": {
		"signIn": "Anmelden", "toGoOn": "weiter zu", "name": "Benutzername oder E-Mail-Adresse", "password": "Passwort", "or": "oder", "with": "Anmelden mit",
		"next": "Weiter", "email": "E-Mail-Adresse", "goOn": "Weiter", "goingOn": "Sie werden weitergeleitet.", "again": "Noch einmal versuchen", "back": "Anders anmelden",
		"failed": "Sie wurden nicht angemeldet", "reference": "Kennung", "referenceHelp": "Nennen Sie diese Kennung Ihrer Administration: Damit findet sie heraus, was geschehen ist.",
		"you": "Das können Sie selbst tun.", "provider": "Der Identitätsanbieter muss sich darum kümmern; Sie können nichts tun.", "ours": "Das muss die Administration in Ordnung bringen.",
		"out": "Sie sind abgemeldet", "outHelp": "Sie können dieses Fenster schließen.", "askOut": "Abmelden?", "askOutHelp": "Sie werden hier und in den Anwendungen abgemeldet, zu denen Sie von hier aus gelangt sind.", "yes": "Abmelden",
		"tested": "Probeanmeldung", "testOK": "Der Identitätsanbieter funktioniert. Niemand wurde angemeldet.", "testWho": "Person im Verzeichnis", "testFail": "Die Probeanmeldung ist fehlgeschlagen", "claim": "Angabe", "value": "Wert", "close": "Sie können dieses Fenster schließen und zur Konsole zurückkehren.",
		"stages": "Was geschehen ist", "lastUsed": "zuletzt benutzt",
	},
}

// fault says whose turn it is to end an error.
type fault string

const (
	yours     fault = "you"
	providers fault = "provider"
	ours      fault = "ours"
)

// said is an error in words for the person who signs in. What only an administrator can use stands in the trace.
type said struct {
	fault  fault
	en, de string
}

var sayings = map[lockstep.Code]said{
	wrongPassword:               {yours, "The user name or the password is wrong.", "Der Benutzername oder das Passwort ist falsch."},
	lockstep.CodeSSOTooMany:     {yours, "Too many tries. Wait a quarter of an hour.", "Zu viele Versuche. Warten Sie eine Viertelstunde."},
	lockstep.CodeSSOConfirm:     {yours, "There is a person with your address already. Sign in as you did before, once, to link both.", "Es gibt schon eine Person mit Ihrer Adresse. Melden Sie sich einmal so an wie früher, um beides zu verbinden."},
	lockstep.CodeSSOBack:        {yours, "You came back before the sign-in was finished. Choose again.", "Sie sind vor dem Ende der Anmeldung zurückgekehrt. Wählen Sie noch einmal."},
	lockstep.CodeSSOExpired:     {yours, "This sign-in is over. Go back to the application and begin again.", "Diese Anmeldung ist vorbei. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOBrowser:     {yours, "This sign-in was begun in another browser. Go back to the application and begin again.", "Diese Anmeldung wurde in einem anderen Browser begonnen. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOUnknown:     {ours, "You are known to the identity provider, but not here. Ask your administrator to add you.", "Der Identitätsanbieter kennt Sie, aber hier sind Sie nicht eingetragen. Bitten Sie Ihre Administration darum."},
	lockstep.CodeSSOAmbiguous:   {ours, "More than one person here could be you. An administrator has to say which.", "Mehr als eine Person hier könnten Sie sein. Die Administration muss sagen, welche."},
	lockstep.CodeSSODisabled:    {ours, "Your access is switched off. Ask your administrator.", "Ihr Zugang ist gesperrt. Fragen Sie Ihre Administration."},
	lockstep.CodeSSORefused:     {ours, "You cannot be signed in this way. Ask your administrator.", "Sie können so nicht angemeldet werden. Fragen Sie Ihre Administration."},
	lockstep.CodeSSOClient:      {ours, "The application that sent you is not known here.", "Die Anwendung, die Sie geschickt hat, ist hier nicht bekannt."},
	lockstep.CodeSSORedirect:    {ours, "The application wants you sent to an address that is not registered for it.", "Die Anwendung will Sie an eine Adresse weiterleiten lassen, die nicht für sie eingetragen ist."},
	lockstep.CodeSSORequest:     {ours, "The request to sign you in cannot be used.", "Die Anfrage zur Anmeldung ist nicht brauchbar."},
	lockstep.CodeSSOProvider:    {ours, "This way to sign in cannot be used here.", "Diese Art der Anmeldung ist hier nicht möglich."},
	lockstep.CodeSSONoProvider:  {ours, "No way to sign in is set up for this application.", "Für diese Anwendung ist keine Anmeldung eingerichtet."},
	lockstep.CodeSSOMessage:     {ours, "What the application sent cannot be used.", "Was die Anwendung geschickt hat, ist nicht brauchbar."},
	lockstep.CodeSSOReplayed:    {yours, "This page was used before. Go back to the application and begin again.", "Diese Seite wurde schon benutzt. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOProxyHost:   {ours, "The address is none of the application's.", "Die Adresse gehört nicht zur Anwendung."},
	lockstep.CodeSSOProxyHeader: {ours, "The request came with something that only the application's proxy may send.", "Die Anfrage enthielt etwas, das nur der Proxy der Anwendung senden darf."},
	lockstep.CodeCrossSite:      {yours, "The form came from another site.", "Das Formular kam von einer anderen Website."},
	lockstep.CodeNotFound:       {yours, "There is nothing at this address.", "An dieser Adresse gibt es nichts."},
}

// say returns what a person is told of an error. Errors of providers (idp.…) that have no saying of their own are the provider's.
func say(code lockstep.Code, lang string) (text string, whose fault) {
	s, ok := sayings[code]
	if !ok {
		s = said{ours, "Something went wrong here.", "Hier ist etwas schiefgegangen."}
		if len(code) > 4 && code[:4] == "idp." {
			s = said{providers, "The identity provider did not sign you in.", "Der Identitätsanbieter hat Sie nicht angemeldet."}
			if lockstep.Describe(code).Class == lockstep.NeedsYou {
				s.fault = ours
			}
		}
	}
	if lang == "de" {
		return s.de, s.fault
	}
	return s.en, s.fault
}
