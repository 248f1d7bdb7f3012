package sso

import "lockstep"

// wrongPassword is the code of package upstream for a name or password that is wrong.
const wrongPassword lockstep.Code = "idp.credentials"

// texts are what the pages say, in English and German.
var texts = map[string]map[string]string{
	"en": {
		"language": "Language", "signIn": "Sign in", "toGoOn": "to go on to", "name": "User name or e-mail address", "password": "Password", "or": "or", "with": "Sign in with",
		"next": "Next", "email": "E-mail address", "goOn": "Continue", "goingOn": "You are sent on.", "again": "Try again", "back": "Choose another way to sign in",
		"failed": "You were not signed in", "notOut": "The sign-out did not go on", "reference": "Reference", "referenceHelp": "Give this reference to your administrator: with it they find out what happened.",
		"you": "This is for you to do.", "provider": "The identity provider has to be looked after; you can do nothing about it.", "ours": "An administrator has to set this right.",
		"out": "You are signed out", "outHelp": "You can close this window.", "askOut": "Sign out?", "askOutHelp": "You will be signed out here and in the applications that you came to from here.", "yes": "Sign out",
		"tested": "Test sign-in", "testOK": "The identity provider works. Nobody was signed in.", "testWho": "Person in the directory", "testFail": "The test sign-in failed", "claim": "Claim", "value": "Value", "close": "You can close this window and go back to the console.",
		"stages": "What happened", "lastUsed": "used last",
		"byPasskey": "Sign in with a passkey", "showPasskey": "Use a passkey", "passkeyFailed": "The browser has given no passkey. Try again, or use another way.", "noPasskeys": "This browser knows no passkeys. Use another one, or another way.",
		"needsScript": "A passkey needs JavaScript, which is switched off in this browser.",
		"factor":      "Show that it is you", "code": "Code", "codeHelp": "The six digits that your authenticator app shows now.", "recoveryHelp": "A recovery code does as well; each works once.", "recoveryCode": "Recovery code",
		"nothingHere": "What you have set up cannot be used here. Ask your administrator to remove it, so that you can set up another.",
		"enrol":       "Set up a second factor", "enrolMust": "Beside who you are you have to show something that only you have. Set it up now; you are asked for it when you sign in.", "enrolHelp": "You are asked for it when you sign in.",
		"passkey": "Passkey", "passkeyHelp": "Your device signs you in, by your finger, your face or its PIN. A security key works, too.", "passkeyName": "Name of the passkey", "passkeyExample": "such as: office laptop", "addPasskey": "Add a passkey",
		"cannotKey": "No passkey can be added: the server's address allows none, or you have as many as there can be.",
		"app":       "Authenticator app", "appHelp": "Scan the picture with the app, then type the code that it shows.", "secret": "Or type this into the app:", "firstCode": "Code that the app shows", "addApp": "Add an authenticator app", "otherApp": "Use another app",
		"codes": "Your recovery codes", "codesHelp": "Keep them where you find them without your device, printed or in a password manager. Each signs you in once in place of your second factor. They are shown this once.", "codesKept": "I have kept them",
		"account": "Your account", "ways": "How you sign in", "setPassword": "Change the password", "synced": "on more than one device", "added": "added", "used": "used", "neverUsed": "never used", "elsewhere": "only for the address", "rename": "Rename", "save": "Save", "remove": "Remove",
		"recoveryCodes": "Recovery codes", "codesLeft": "left", "made": "made", "newCodes": "Make new recovery codes", "newCodesHelp": "Those that you have stop working.", "noFactor": "You have no second factor: whoever knows your password is you. Add one.",
		"links": "Identity providers", "linkNew": "Link", "linkNewHelp": "You sign in there next, and come back. From then on you can sign in here with it.", "unlink": "Unlink", "unlinkHelp": "You cannot sign in with it any more, unless the provider links people by their address. Wherever you signed in with it you are signed out.", "linked": "linked", "sessions": "Where you are signed in", "thisSession": "This browser", "began": "since", "seen": "last seen", "end": "Sign out there", "endOthers": "Sign out everywhere else",
		"factor.passkey": "with a passkey", "factor.totp": "with an authenticator app", "factor.recovery": "with a recovery code", "factor.provider": "with a second factor",
		"removeFactor": "Remove", "removeFactorHelp": "You cannot sign in with it any more. With the last one your recovery codes go, too.", "notNow": "Not now",
		"setPasswordHelp": "You are signed out everywhere, here too, and sign in with the new one.", "currentPassword": "Current password", "newPassword": "New password", "passwordRule": "At least 12 characters, and not your user name. A sentence is good.",
		"passwordWrong": "The current password is wrong, or there were too many tries.", "ownPassword": "Choose a password of your own", "ownPasswordHelp": "The one that you have signed in with was given to you for once. Choose another, which nobody else knows.",
		"passwordSame": "That is the one that you were given. Choose another.", "passwordSet": "The password is changed", "passwordSetHelp": "You were signed out everywhere.",
		"consent": "Let this application in?", "consentWrites": "It will add, change and remove people and groups of", "consentReads": "It will read people and groups of", "consentAs": "SCIM client", "consentEnds": "It goes on until somebody ends it, at the SCIM client's page in the console. It does not end when you sign out, or leave.", "allow": "Allow", "decline": "Do not allow",
	},
	"de": {
		"language": "Sprache", "signIn": "Anmelden", "toGoOn": "weiter zu", "name": "Benutzername oder E-Mail-Adresse", "password": "Passwort", "or": "oder", "with": "Anmelden mit",
		"next": "Weiter", "email": "E-Mail-Adresse", "goOn": "Weiter", "goingOn": "Sie werden weitergeleitet.", "again": "Noch einmal versuchen", "back": "Anders anmelden",
		"failed": "Sie wurden nicht angemeldet", "notOut": "Die Abmeldung ging nicht weiter", "reference": "Kennung", "referenceHelp": "Nennen Sie diese Kennung Ihrer Administration: Damit findet sie heraus, was geschehen ist.",
		"you": "Das können Sie selbst tun.", "provider": "Der Identitätsanbieter muss sich darum kümmern; Sie können nichts tun.", "ours": "Das muss die Administration in Ordnung bringen.",
		"out": "Sie sind abgemeldet", "outHelp": "Sie können dieses Fenster schließen.", "askOut": "Abmelden?", "askOutHelp": "Sie werden hier und in den Anwendungen abgemeldet, zu denen Sie von hier aus gelangt sind.", "yes": "Abmelden",
		"tested": "Probeanmeldung", "testOK": "Der Identitätsanbieter funktioniert. Niemand wurde angemeldet.", "testWho": "Person im Verzeichnis", "testFail": "Die Probeanmeldung ist fehlgeschlagen", "claim": "Angabe", "value": "Wert", "close": "Sie können dieses Fenster schließen und zur Konsole zurückkehren.",
		"stages": "Was geschehen ist", "lastUsed": "zuletzt benutzt",
		"byPasskey": "Mit einem Passkey anmelden", "showPasskey": "Passkey verwenden", "passkeyFailed": "Der Browser hat keinen Passkey geliefert. Versuchen Sie es noch einmal oder auf andere Art.", "noPasskeys": "Dieser Browser kennt keine Passkeys. Verwenden Sie einen anderen oder eine andere Art.",
		"needsScript": "Ein Passkey braucht JavaScript, das in diesem Browser ausgeschaltet ist.",
		"factor":      "Zeigen Sie, dass Sie es sind", "code": "Code", "codeHelp": "Die sechs Ziffern, die Ihre Authenticator-App jetzt zeigt.", "recoveryHelp": "Ein Wiederherstellungscode geht auch; jeder gilt einmal.", "recoveryCode": "Wiederherstellungscode",
		"nothingHere": "Was Sie eingerichtet haben, geht hier nicht. Bitten Sie Ihre Administration, es zu entfernen, damit Sie etwas anderes einrichten können.",
		"enrol":       "Zweiten Faktor einrichten", "enrolMust": "Außer wer Sie sind, müssen Sie etwas zeigen, das nur Sie haben. Richten Sie es jetzt ein; beim Anmelden werden Sie danach gefragt.", "enrolHelp": "Beim Anmelden werden Sie danach gefragt.",
		"passkey": "Passkey", "passkeyHelp": "Ihr Gerät meldet Sie an, mit Ihrem Finger, Ihrem Gesicht oder seiner PIN. Ein Sicherheitsschlüssel geht auch.", "passkeyName": "Name des Passkeys", "passkeyExample": "etwa: Laptop im Büro", "addPasskey": "Passkey hinzufügen",
		"cannotKey": "Ein Passkey lässt sich nicht hinzufügen: Die Adresse des Servers erlaubt keinen, oder Sie haben schon so viele, wie es geben kann.",
		"app":       "Authenticator-App", "appHelp": "Lesen Sie das Bild mit der App und tippen Sie dann den Code ein, den sie zeigt.", "secret": "Oder tippen Sie dies in die App:", "firstCode": "Code, den die App zeigt", "addApp": "Authenticator-App hinzufügen", "otherApp": "Andere App verwenden",
		"codes": "Ihre Wiederherstellungscodes", "codesHelp": "Bewahren Sie sie dort auf, wo Sie sie ohne Ihr Gerät finden, gedruckt oder in einem Passwortmanager. Jeder meldet Sie einmal anstelle Ihres zweiten Faktors an. Sie werden nur dieses eine Mal gezeigt.", "codesKept": "Ich habe sie aufbewahrt",
		"account": "Ihr Konto", "ways": "Wie Sie sich anmelden", "setPassword": "Passwort ändern", "synced": "auf mehreren Geräten", "added": "hinzugefügt", "used": "benutzt", "neverUsed": "nie benutzt", "elsewhere": "nur für die Adresse", "rename": "Umbenennen", "save": "Speichern", "remove": "Entfernen",
		"recoveryCodes": "Wiederherstellungscodes", "codesLeft": "übrig", "made": "erzeugt", "newCodes": "Neue Wiederherstellungscodes", "newCodesHelp": "Die, die Sie haben, gelten dann nicht mehr.", "noFactor": "Sie haben keinen zweiten Faktor: Wer Ihr Passwort kennt, ist Sie. Fügen Sie einen hinzu.",
		"links": "Identitätsanbieter", "linkNew": "Verbinden mit", "linkNewHelp": "Sie melden sich nun dort an und kommen zurück. Danach können Sie sich damit hier anmelden.", "unlink": "Trennen", "unlinkHelp": "Sie können sich damit nicht mehr anmelden, außer wenn der Anbieter Menschen nach ihrer Adresse verbindet. Wo Sie damit angemeldet sind, werden Sie abgemeldet.", "linked": "verbunden", "sessions": "Wo Sie angemeldet sind", "thisSession": "Dieser Browser", "began": "seit", "seen": "zuletzt gesehen", "end": "Dort abmelden", "endOthers": "Überall sonst abmelden",
		"factor.passkey": "mit einem Passkey", "factor.totp": "mit einer Authenticator-App", "factor.recovery": "mit einem Wiederherstellungscode", "factor.provider": "mit einem zweiten Faktor",
		"removeFactor": "Entfernen", "removeFactorHelp": "Sie können sich damit nicht mehr anmelden. Mit dem letzten gehen auch Ihre Wiederherstellungscodes.", "notNow": "Jetzt nicht",
		"setPasswordHelp": "Sie werden überall abgemeldet, auch hier, und melden sich mit dem neuen an.", "currentPassword": "Jetziges Passwort", "newPassword": "Neues Passwort", "passwordRule": "Mindestens 12 Zeichen und nicht Ihr Benutzername. Ein Satz ist gut.",
		"passwordWrong": "Das jetzige Passwort ist falsch, oder es gab zu viele Versuche.", "ownPassword": "Wählen Sie ein eigenes Passwort", "ownPasswordHelp": "Das, mit dem Sie sich angemeldet haben, gilt nur für einmal. Wählen Sie ein anderes, das sonst niemand kennt.",
		"passwordSame": "Das ist das Passwort, das Sie bekommen haben. Wählen Sie ein anderes.", "passwordSet": "Das Passwort ist geändert", "passwordSetHelp": "Sie wurden überall abgemeldet.",
		"consent": "Diese Anwendung zulassen?", "consentWrites": "Sie wird Personen und Gruppen anlegen, ändern und entfernen, in", "consentReads": "Sie wird Personen und Gruppen lesen, in", "consentAs": "SCIM-Client", "consentEnds": "Das gilt, bis es jemand auf der Seite des SCIM-Clients in der Konsole beendet. Es endet nicht, wenn Sie sich abmelden oder ausscheiden.", "allow": "Zulassen", "decline": "Nicht zulassen",
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
	wrongPassword:                {yours, "The user name or the password is wrong.", "Der Benutzername oder das Passwort ist falsch."},
	lockstep.CodeIdPDenied:       {yours, "The identity provider has let nobody in: you did not go through with it there, or may not use this application. Try again, or ask your administrator.", "Der Identitätsanbieter hat niemanden hereingelassen: Sie haben dort abgebrochen, oder Sie dürfen diese Anwendung nicht benutzen. Versuchen Sie es noch einmal, oder fragen Sie Ihre Administration."},
	lockstep.CodeSSOPasswordOver: {ours, "This password was to be changed before now. Ask your administrator for another.", "Dieses Passwort hätte schon geändert sein müssen. Bitten Sie Ihre Administration um ein neues."},
	lockstep.CodeSSOTooMany:      {yours, "Too many tries. Wait a quarter of an hour.", "Zu viele Versuche. Warten Sie eine Viertelstunde."},
	lockstep.CodeSSOConfirm:      {yours, "There is a person with your address already. Sign in as you did before, once, to link both.", "Es gibt schon eine Person mit Ihrer Adresse. Melden Sie sich einmal so an wie früher, um beides zu verbinden."},
	lockstep.CodeSSOBack:         {yours, "You came back before the sign-in was finished. Choose again.", "Sie sind vor dem Ende der Anmeldung zurückgekehrt. Wählen Sie noch einmal."},
	lockstep.CodeSSOCode:         {yours, "The code is wrong, or was used before. Wait for the next one.", "Der Code ist falsch oder wurde schon benutzt. Warten Sie auf den nächsten."},
	lockstep.CodeSSOLastFactor:   {yours, "A second factor is demanded of you, and this is your last one. Set up another one first.", "Von Ihnen wird ein zweiter Faktor verlangt, und dies ist Ihr letzter. Richten Sie zuerst einen anderen ein."},
	lockstep.CodeSSOLinked:       {yours, "It was not linked: it belongs to somebody else here, or you have linked another one of this provider.", "Es wurde nicht verbunden: Es gehört hier jemand anderem, oder Sie haben schon ein anderes dieses Anbieters verbunden."},
	lockstep.CodeSSOLastWay:      {yours, "This is your last way to sign in. Add another one first.", "Das ist Ihr letzter Weg, sich anzumelden. Fügen Sie zuerst einen anderen hinzu."},
	lockstep.CodeSSOConsent:      {ours, "You may not let this application in. An administrator of the directory can.", "Sie dürfen diese Anwendung nicht zulassen. Das kann die Administration des Verzeichnisses."},
	lockstep.CodeSSOPasskey:      {yours, "The passkey was not accepted. Try again, or use another way.", "Der Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder auf andere Art."},
	lockstep.CodeSSOFresh:        {yours, "Your identity provider has not asked you again who you are. Sign out there, then try again.", "Ihr Identitätsanbieter hat Sie nicht noch einmal gefragt, wer Sie sind. Melden Sie sich dort ab und versuchen Sie es dann noch einmal."},
	lockstep.CodeSSOExpired:      {yours, "This sign-in is over. Go back to the application and begin again.", "Diese Anmeldung ist vorbei. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOBrowser:      {yours, "This sign-in was begun in another browser. Go back to the application and begin again.", "Diese Anmeldung wurde in einem anderen Browser begonnen. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOUnknown:      {ours, "You are known to the identity provider, but not here. Ask your administrator to add you.", "Der Identitätsanbieter kennt Sie, aber hier sind Sie nicht eingetragen. Bitten Sie Ihre Administration darum."},
	lockstep.CodeSSOAmbiguous:    {ours, "More than one person here could be you. An administrator has to say which.", "Mehr als eine Person hier könnten Sie sein. Die Administration muss sagen, welche."},
	lockstep.CodeSSODisabled:     {ours, "Your access is switched off. Ask your administrator.", "Ihr Zugang ist gesperrt. Fragen Sie Ihre Administration."},
	lockstep.CodeSSORefused:      {ours, "You cannot be signed in this way. Ask your administrator.", "Sie können so nicht angemeldet werden. Fragen Sie Ihre Administration."},
	lockstep.CodeSSOClient:       {ours, "The application that sent you is not known here.", "Die Anwendung, die Sie geschickt hat, ist hier nicht bekannt."},
	lockstep.CodeSSORedirect:     {ours, "The application wants you sent to an address that is not registered for it.", "Die Anwendung will Sie an eine Adresse weiterleiten lassen, die nicht für sie eingetragen ist."},
	lockstep.CodeSSORequest:      {ours, "The request to sign you in cannot be used.", "Die Anfrage zur Anmeldung ist nicht brauchbar."},
	lockstep.CodeSSOProvider:     {ours, "This way to sign in cannot be used here.", "Diese Art der Anmeldung ist hier nicht möglich."},
	lockstep.CodeSSONoProvider:   {ours, "No way to sign in is set up for this application.", "Für diese Anwendung ist keine Anmeldung eingerichtet."},
	lockstep.CodeSSOMessage:      {ours, "What the application sent cannot be used.", "Was die Anwendung geschickt hat, ist nicht brauchbar."},
	lockstep.CodeSSOReplayed:     {yours, "This page was used before. Go back to the application and begin again.", "Diese Seite wurde schon benutzt. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn."},
	lockstep.CodeSSOProxyHost:    {ours, "The address is none of the application's.", "Die Adresse gehört nicht zur Anwendung."},
	lockstep.CodeSSOProxyHeader:  {ours, "The request came with something that only the application's proxy may send.", "Die Anfrage enthielt etwas, das nur der Proxy der Anwendung senden darf."},
	lockstep.CodeCrossSite:       {yours, "The form came from another site.", "Das Formular kam von einer anderen Website."},
	lockstep.CodeNotFound:        {yours, "There is nothing at this address.", "An dieser Adresse gibt es nichts."},
}

// outSayings are the sayings of sign-outs where those of sign-ins would not be true.
var outSayings = map[lockstep.Code]said{
	lockstep.CodeSSOLeft:     {yours, "Here you are signed out. Whether you are at the identity provider is not known: what came back is no answer to this sign-out. Look there, or close the browser.", "Hier sind Sie abgemeldet. Ob auch beim Identitätsanbieter, ist nicht bekannt: Was zurückkam, ist keine Antwort auf diese Abmeldung. Sehen Sie dort nach oder schließen Sie den Browser."},
	lockstep.CodeSSOOver:     {yours, "This sign-out is over, or goes on in another window. If you are not sure, sign out at the application again.", "Diese Abmeldung ist vorbei oder geht in einem anderen Fenster weiter. Wenn Sie unsicher sind, melden Sie sich in der Anwendung noch einmal ab."},
	lockstep.CodeSSOBrowser:  {yours, "This sign-out was begun in another browser.", "Diese Abmeldung wurde in einem anderen Browser begonnen."},
	lockstep.CodeSSORequest:  {ours, "The request to sign you out cannot be used.", "Die Anfrage zur Abmeldung ist nicht brauchbar."},
	lockstep.CodeSSORefused:  {ours, "You cannot be signed out this way. Ask your administrator.", "Sie können so nicht abgemeldet werden. Fragen Sie Ihre Administration."},
	lockstep.CodeSSOReplayed: {yours, "This page was used before.", "Diese Seite wurde schon benutzt."},
}

// say returns what a person is told of an error. Errors of providers (idp.…) that have no saying of their own are the provider's.
func say(words map[lockstep.Code]said, code lockstep.Code, lang string) (text string, whose fault) {
	s, ok := words[code]
	if !ok {
		s, ok = sayings[code]
	}
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
