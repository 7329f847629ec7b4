package browser

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"sort"
)

// screenshotMax is the most that a screenshot may weigh in the repository.
const screenshotMax = 150 * 1000

// shrink writes a PNG again with at most 256 colours, and cuts it at the bottom
// until it weighs at most screenshotMax. Pages are flat: their rarer colours
// are shades along the edges of letters.
func shrink(raw []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	reduced := paletted(full)
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	for {
		var out bytes.Buffer
		if err := encoder.Encode(&out, reduced); err != nil {
			return nil, err
		}
		box := reduced.Bounds()
		if out.Len() <= screenshotMax || box.Dy() < 200 {
			return out.Bytes(), nil
		}
		box.Max.Y = box.Min.Y + box.Dy()*9/10
		reduced = reduced.SubImage(box).(*image.Paletted)
	}
}

func paletted(src image.Image) *image.Paletted {
	box := src.Bounds()
	count := map[color.RGBA]int{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			count[rgba(src, x, y)]++
		}
	}
	palette, index := commonest(count), map[color.RGBA]uint8{}
	for c := range count {
		index[c] = uint8(palette.Index(c))
	}
	dst := image.NewPaletted(box, palette)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			dst.SetColorIndex(x, y, index[rgba(src, x, y)])
		}
	}
	return dst
}

func rgba(src image.Image, x, y int) color.RGBA {
	return color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)
}

// commonest returns the 256 colours that fill most of the picture, in an order
// that depends on the picture only.
func commonest(count map[color.RGBA]int) color.Palette {
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if count[a] != count[b] {
			return count[a] > count[b]
		}
		return uint32(a.R)<<16|uint32(a.G)<<8|uint32(a.B) < uint32(b.R)<<16|uint32(b.G)<<8|uint32(b.B)
	})
	palette := color.Palette{}
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, c)
	}
	return palette
}
