package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"relais/internal/config"
)

// errUsage is returned by a verb that was called with the wrong words.
var errUsage = errors.New("usage")

// call is one call of the program.
type call struct {
	args           []string // after the verb
	environ        []string
	stdout, stderr io.Writer
}

type verb struct {
	name, args, text string
	do               func(context.Context, call) error
}

func verbs() []verb {
	return []verb{
		{"serve", "", "démarrer Relais, configuré par les variables RELAIS_…", serve},
		{"demo", "", "démarrer Relais avec son bac à sable fictif", demo},
		{"migrate", "", "créer ou mettre à jour la base de données", migrate},
		{"admin", "load FICHIER.json | inviter COURRIEL", "habiliter des structures et des agents, ouvrir des missions ; faire le code d’un agent sans ProConnect", admin},
		{"mandat", "verify NUMÉRO [--motif CODE] | litige NUMÉRO --motif CODE|--clore", "vérifier hors ligne la preuve d’un mandat, ou geler sa suppression", verifyMandat},
		{"journal", "VERBE …", "vérifier, rejouer, exporter, clés ; « relais journal » donne la liste", journalVerb},
		{"witness", "--name NOM [--data DOSSIER] [--listen ADRESSE] [--url URL] VKEY…", "être témoin du journal d’un autre", witness},
		{"usager", "erase ID|NUMÉRO --motif CODE [--dry-run] | export ID|NUMÉRO --out DOSSIER", "effacer ou remettre les données d’un usager", usagerVerb},
		{"keys", "list | rotate [--immediat | --attente 10m --garde 48h] | chiffrement FICHIER", "lister ou renouveler les clés de signature du fournisseur, sans arrêter Relais ; en faire pour les réponses chiffrées", keysVerb},
		{"coffre", "rotate", "renouveler la clé maîtresse du coffre, Relais étant arrêté", rotateCoffre},
		{"retention", "[--dry-run]", "appliquer les durées de conservation", retention},
		{"health", "", "demander à l’instance locale si elle est prête", health},
		{"version", "", "afficher la version", version},
	}
}

// run is the program without its process: what tests call.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		return report(v.do(ctx, call{args: args[1:], environ: environ, stdout: stdout, stderr: stderr}), v, stderr)
	}
	usage(stderr)
	return 2
}

func report(err error, v verb, stderr io.Writer) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "Usage : relais %s %s\n  %s\n", v.name, v.args, v.text)
		return 2
	}
	if problems := config.Problems(err); len(problems) > 0 {
		fmt.Fprintf(stderr, "Relais ne démarre pas : %d réglage(s) à corriger.\n", len(problems))
		for _, p := range problems {
			fmt.Fprintf(stderr, "  - %s\n", p.Error())
		}
		return 1
	}
	fmt.Fprintf(stderr, "relais %s : %v\n", v.name, err)
	return 1
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Relais : un mandat donné au guichet, utilisé auprès d’un service public, inscrit au journal.\n\nUsage : relais VERBE")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-26s %s\n", v.name+" "+v.args, v.text)
	}
}

// appVersion is what entries and `relais version` name.
func appVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "inconnue"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "dev"
}

func version(_ context.Context, c call) error {
	_, err := fmt.Fprintln(c.stdout, "relais", appVersion())
	return err
}
